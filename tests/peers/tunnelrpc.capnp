# The messages of the control stream, for Debian's capnp as a second opinion. Written from the layout that is seen on
# the wire: numbers are such that every field lies where tests/vectors/tunnel has it. Names are ours.
@0xd2c9a0c5f3b8e6a1;

using Content = Nothing;  # what a payload holds: the tests put another type here

struct Message {
  union {
    unimplemented @0 :Message;
    abort @1 :Exception;
    call @2 :Call;
    return @3 :Return;
    finish @4 :Finish;
    resolve @5 :AnyPointer;
    release @6 :Release;
    unused7 @7 :AnyPointer;
    bootstrap @8 :Bootstrap;
    unused9 @9 :AnyPointer;
    unused10 @10 :AnyPointer;
    unused11 @11 :AnyPointer;
    unused12 @12 :AnyPointer;
    disembargo @13 :AnyPointer;
  }
}

struct Bootstrap {
  questionId @0 :UInt32;
  unused @1 :AnyPointer;
}

struct Call {
  questionId @0 :UInt32;
  target @1 :MessageTarget;
  interfaceId @2 :UInt64;
  methodId @3 :UInt16;
  params @4 :Payload;
  sendResultsTo :union {
    caller @5 :Void;
    yourself @6 :Void;
    thirdParty @7 :AnyPointer;
  }
  allowThirdPartyTailCall @8 :Bool;
}

struct MessageTarget {
  union {
    importedCap @0 :UInt32;
    promisedAnswer @1 :PromisedAnswer;
  }
}

struct PromisedAnswer {
  questionId @0 :UInt32;
  transform @1 :List(Op);
}

struct Op {
  union {
    noop @0 :Void;
    getPointerField @1 :UInt16;
  }
}

struct Payload {
  content @0 :Content;
  capTable @1 :List(CapDescriptor);
}

struct CapDescriptor {
  union {
    none @0 :Void;
    senderHosted @1 :UInt32;
    senderPromise @2 :UInt32;
    receiverHosted @3 :UInt32;
    receiverAnswer @4 :PromisedAnswer;
  }
}

struct Return {
  answerId @0 :UInt32;
  releaseParamCaps @1 :Bool = true;
  union {
    results @2 :Payload;
    exception @3 :Exception;
    canceled @4 :Void;
    resultsSentElsewhere @5 :Void;
    takeFromOtherQuestion @6 :UInt32;
  }
}

struct Finish {
  questionId @0 :UInt32;
  releaseResultCaps @1 :Bool = true;
}

struct Release {
  id @0 :UInt32;
  referenceCount @1 :UInt32;
}

struct Exception {
  reason @0 :Text;
  unusedFault @1 :Bool;
  unusedDurability @2 :UInt16;
  type @3 :Type;
  enum Type {
    failed @0;
    overloaded @1;
    disconnected @2;
    unimplemented @3;
  }
}

struct Nothing {}

struct RegisterParams {
  auth @0 :TunnelAuth;
  tunnelId @1 :Data;
  connIndex @2 :UInt8;
  options @3 :ConnectionOptions;
}

struct TunnelAuth {
  accountTag @0 :Text;
  tunnelSecret @1 :Data;
}

struct ConnectionOptions {
  client @0 :ClientInfo;
  originLocalIp @1 :Data;
  replaceExisting @2 :Bool;
  compressionQuality @3 :UInt8;
  numPreviousAttempts @4 :UInt8;
}

struct ClientInfo {
  clientId @0 :Data;
  features @1 :List(Text);
  version @2 :Text;
  arch @3 :Text;
}

struct RegisterResults {
  result @0 :ConnectionResponse;
}

struct ConnectionResponse {
  union {
    error @0 :ConnectionError;
    connectionDetails @1 :ConnectionDetails;
  }
}

struct ConnectionError {
  cause @0 :Text;
  retryAfter @1 :Int64;
  shouldRetry @2 :Bool;
}

struct ConnectionDetails {
  uuid @0 :Data;
  locationName @1 :Text;
  tunnelIsRemotelyManaged @2 :Bool;
}

struct ConfigureParams {
  config @0 :Data;
}
