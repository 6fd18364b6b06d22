# outbore: all, run, test, check, fuzz, bench, interop, deps, install, uninstall, clean.
# SAN=1 with any target builds with ASan and UBSan. V=1 shows the commands.

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
PROGRAM_PREFIX ?=

comma   := ,
LIBS    := libssl libcrypto libnghttp2 libuv yaml-0.1 jansson libidn2 zlib
BUILD   := build/$(if $(SAN),san,release)
BIN     := $(if $(SAN),$(BUILD)/bin,bin)
Q       := $(if $(V),,@)

WARN    := -Wall -Wextra -Wshadow -Wvla -Wswitch-enum -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wformat=2 $(if $(WERROR),-Werror)
HARDEN  := $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fcf-protection=full -fstack-clash-protection) \
	-fstack-protector-strong -fPIE
SANFLAG := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
override CFLAGS += -std=c11 -D_GNU_SOURCE -Isrc $(WARN) $(HARDEN) $(SANFLAG) -MMD -MP
override LDFLAGS += -pie -Wl,-z,relro,-z,now $(SANFLAG)
LDLIBS  = $(shell pkg-config --libs $(LIBS)) -lwslay -lm -pthread

srcs    = $(sort $(shell find $(1) -name '*.c' ! -name main.c))
objs    = $(patsubst %.c,$(BUILD)/%.o,$(1))
COMMON  := $(call objs,$(call srcs,src/common))
TUNNEL  := $(call objs,$(call srcs,src/tunnel))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*_test.c))

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

unit: $(UNIT)
	$(Q)prove --failures --exec '' $(UNIT)

clean:
	rm -rf build $(filter-out bin/.gitignore,$(wildcard bin/*))

.PHONY: all unit clean
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
