# outbore: all, run, test, check, fuzz, bench, interop, deps, install, uninstall, clean.
# SAN=1 with any target builds with ASan and UBSan. V=1 shows the commands. FUZZ_TIME=SECONDS for each fuzz target.

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
PROGRAM_PREFIX ?=

comma   := ,
LIBS    := libssl libcrypto libnghttp2 libuv yaml-0.1 jansson libidn2 zlib
FUZZ_TIME ?= 30
ifdef FUZZ # how `make fuzz` calls itself: its objects count what they cover, which takes clang
CC      := clang
SAN     := 1
endif
BUILD   := build/$(if $(FUZZ),fuzz,$(if $(SAN),san,release))
BIN     := $(if $(SAN),$(BUILD)/bin,bin)
Q       := $(if $(V),,@)

WARN    := -Wall -Wextra -Wshadow -Wvla -Wswitch-enum -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wformat=2 $(if $(WERROR),-Werror)
HARDEN  := $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fcf-protection=full -fstack-clash-protection) \
	-fstack-protector-strong -fPIE
SANFLAG := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer) \
	$(if $(FUZZ),-fsanitize=fuzzer-no-link)
override CFLAGS += -std=c11 -D_GNU_SOURCE -Isrc $(WARN) $(HARDEN) $(SANFLAG) -MMD -MP
override LDFLAGS += -pie -Wl,-z,relro,-z,now $(SANFLAG)
LDLIBS  = $(shell pkg-config --libs $(LIBS)) -lwslay -lm -pthread

srcs    = $(sort $(shell find $(1) -name '*.c' ! -name main.c))
objs    = $(patsubst %.c,$(BUILD)/%.o,$(1))
COMMON  := $(call objs,$(call srcs,src/common))
TUNNEL  := $(call objs,$(call srcs,src/tunnel))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*_test.c))
FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
REPLAYS := $(addprefix $(BUILD)/replay/,$(FUZZERS))

PROGRAMS := tunnel
tunnel_OBJS := $(call objs,src/tunnel/main.c) $(TUNNEL)

all: $(addprefix $(BIN)/,$(PROGRAMS))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC    $<")
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/libcommon.a: $(COMMON)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/libtunnel.a: $(TUNNEL)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

.SECONDEXPANSION:
$(BIN)/%: $$(%_OBJS) $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(if $(TUNNEL),$(BUILD)/libtunnel.a) $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A fuzz target with its corpus as an ordinary test.
$(BUILD)/replay/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libtunnel.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/fuzzer/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/libtunnel.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

unit: $(UNIT) $(REPLAYS)
	$(Q)prove --failures --exec '' $(UNIT) $(REPLAYS)

# New inputs go to build/fuzz/corpus; those worth keeping are copied to tests/fuzz/corpus by hand.
fuzz-%: $(BUILD)/fuzzer/%
	@mkdir -p $(BUILD)/corpus/$*
	$(Q)$< -max_total_time=$(FUZZ_TIME) -artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$* tests/fuzz/corpus/$* \
		>$(BUILD)/$*.log 2>&1 || { tail -n 40 $(BUILD)/$*.log; exit 1; }
	@echo "  FUZZ  $*: $$(tail -n 1 $(BUILD)/$*.log)"

fuzz:
	$(Q)$(MAKE) --no-print-directory FUZZ=1 $(addprefix fuzz-,$(FUZZERS))

clean:
	rm -rf build $(filter-out bin/.gitignore,$(wildcard bin/*))

.PHONY: all unit fuzz clean
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
