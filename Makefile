# outbore. `make run` shows a tunnel at work and `make test` tries everything; CONTRIBUTING.md names the other targets.
# With any target: SAN=1 builds with ASan and UBSan, WERROR=1 makes warnings errors, V=1 shows the commands, CC=clang.

CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
PROGRAM_PREFIX ?=# before the installed names: `tunnel` and `wscat` are others' names too
FUZZ_TIME ?= 30# seconds for each fuzz target
TIDY_NODES ?= 75000# states that clang's analyser visits for a function; its own 225000 take two to three times as long

# A program is src/NAME/main.c, the rest of its folder and what it needs of src/common.
PROGRAMS := tunnel wscat ingress-lint hdrcheck credrotate
LIBS     := -lcurl -ledit -lssl -lcrypto -lnghttp2 -lsqlite3 -lwslay -luv -lyaml -ljansson -lidn2 -lz -lm -pthread
LIBS_hdrcheck := -lpsl -lgumbo# libraries that one program alone needs

ifdef FUZZ# how `make fuzz` calls itself: its objects count what they cover, which takes clang
CC       := clang
SAN      := 1
endif
variant  := $(if $(FUZZ),fuzz,$(if $(SAN),san,release))
BUILD    := build/$(variant)
BIN      := $(if $(SAN),$(BUILD)/bin,bin)
TAP      := $(BUILD)/tap
Q        := $(if $(V),,@)
SUB       = $(Q)+$(MAKE) --no-print-directory

ifeq ($(MAKELEVEL),0)# as many jobs as processors, unless -j says otherwise
MAKEFLAGS += -j$(shell nproc)
endif

comma    := ,
cet      := $(patsubst x86_64,-fcf-protection=full,$(filter x86_64,$(shell uname -m)))
WARN     := -Wall -Wextra -Wshadow -Wvla -Wswitch-enum -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wformat=2 $(if $(WERROR),-Werror)
HARDEN   := $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection $(cet)) \
	-fstack-protector-strong -fPIE
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer) \
	$(if $(FUZZ),-fsanitize=fuzzer-no-link)
BASICS   := -std=c11 -D_GNU_SOURCE -Isrc $(WARN)
override CFLAGS  += $(BASICS) $(HARDEN) $(SANFLAGS) -MMD -MP
override LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANFLAGS)

flags    = $(CC) $(filter-out -Werror,$(CFLAGS)) $(LDFLAGS)
srcs     = $(sort $(shell find $(1) -name '*.c' ! -name main.c))
objs     = $(patsubst %.c,$(BUILD)/%.o,$(1))
ARCHIVES := $(PROGRAMS:%=$(BUILD)/lib%.a) $(BUILD)/libcommon.a
TESTS    := $(wildcard tests/unit/*_test.c)
FUZZERS  := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
UNIT     := $(TESTS:tests/unit/%.c=$(BUILD)/unit/%) $(FUZZERS:%=$(BUILD)/replay/%)
LOADS    := $(patsubst %.c,build/%,$(wildcard bench/*.c))
SOURCES  := $(shell find src tests/unit tests/fuzz bench -name '*.c' 2>/dev/null)
HEADERS  := $(shell find src tests/unit tests/fuzz bench -name '*.h' 2>/dev/null)
SCRIPTS  := $(shell grep -rlsE '^\#!/.*[/ ](sh|bash|bats)$$' .ci bench scripts tests) $(wildcard tests/*.bash)
BATSISMS := SC2016,SC2030,SC2031,SC2034,SC2119,SC2120,SC2154# a test is a subshell; names come from lib.bash
MANPAGES := $(wildcard man/*.[0-9])
SHARED   := $(patsubst share/%,%,$(wildcard share/kubernetes/*.yaml share/policies/*.yaml share/schema/*.json))
UNITS    := $(notdir $(wildcard share/systemd/*@.*))

say      = @$(if $(V),,printf '  %-6s %s\n' $(1) $(2))
bats     = $(Q)OUTBORE_BIN=$(abspath $(BIN)) OUTBORE_BUILD=$(abspath $(BUILD)) scripts/bats-run $(1) '$(2)' $(sort $(wildcard tests/*.bats))
own_libs = $(if $(filter $(BIN),$(@D)),$(LIBS_$(@F)),$(foreach p,$(PROGRAMS),$(LIBS_$p)))
link     = $(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS) $(own_libs)

all: $(PROGRAMS:%=$(BIN)/%)

# --- Building ---

$(BUILD)/flags: .FORCE # changes, and everything with it, when the compiler or its flags do
	@mkdir -p $(@D) && echo '$(flags)' | cmp -s - $@ || echo '$(flags)' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) -c -o $@ $<

.SECONDEXPANSION:
$(ARCHIVES): $(BUILD)/lib%.a: $$(call objs,$$(call srcs,src/$$*))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/src/hdrcheck/policy.o: $(wildcard share/policies/*.yaml) # they are part of it

$(BIN)/%: $(BUILD)/src/%/main.o $(BUILD)/lib%.a $(BUILD)/libcommon.a
	$(call say,LINK,$@)
	$(link)

$(BUILD)/credrotate-faults: $(BUILD)/src/credrotate/main.o $(BUILD)/tests/unit/credrotate_fault.o \
		$(BUILD)/libcredrotate.a $(BUILD)/libcommon.a # ends where a test says
	$(call say,LINK,$@)
	$(link)

$(BUILD)/slowsync.so: tests/peers/slowsync.c # a slow disk, to be preloaded; without sanitizers, which would have to come first
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(BASICS) -O2 -fPIC -shared -o $@ $<

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	$(link)

# A fuzz target that runs its corpus as an ordinary test, and as a fuzzer.
$(BUILD)/replay/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/replay.o $(ARCHIVES)
	$(call say,LINK,$@)
	$(link)

$(BUILD)/fuzzer/%: $(BUILD)/tests/fuzz/%_fuzz.o $(ARCHIVES)
	$(call say,LINK,$@)
	$(link) -fsanitize=fuzzer

build/bench/policy: $(BUILD)/libcommon.a # what it measures
build/bench/%: $(BUILD)/bench/%.o # the others share nothing with what they measure
	$(call say,LINK,$@)
	$(link)

# --- Running and testing; each sets up what it needs ---

deps:
	$(Q)scripts/deps build test check bench

run:
	$(Q)scripts/deps build
	$(SUB) all
	$(Q)exec $(BIN)/tunnel quick --hello-world

test:
	$(Q)scripts/deps build test
	$(SUB) all unit
	$(SUB) system

unit: $(UNIT)
	$(Q)rm -rf $(TAP)/unit && prove --failures --exec 'scripts/tap-keep $(TAP)/unit' $(sort $(UNIT))

system: all $(BUILD)/credrotate-faults $(BUILD)/slowsync.so # what a user sees: real processes and sockets
	$(call bats,$(TAP)/system,!slow$(if $(SAN),$(comma)!once)) # no sanitizer has a say in those

interop:
	$(Q)scripts/deps build test
	$(SUB) all
	$(Q)OUTBORE_BIN=$(abspath $(BIN)) tests/interop/run.sh

cluster: # credrotate and a real API server of Kubernetes; building that takes a quarter of an hour
	$(Q)scripts/deps build test
	$(SUB) all $(BUILD)/credrotate-faults
	$(Q)OUTBORE_BIN=$(abspath $(BIN)) OUTBORE_BUILD=$(abspath $(BUILD)) tests/cluster/run.sh

lab: # wscat probe against real proxies, right and wrong
	$(Q)scripts/deps build lab
	$(SUB) all
	$(Q)tests/lab/matrix.py $(BIN)/wscat
	$(Q)tests/lab/matrix.py $(BIN)/wscat --pasted

soak:
	$(Q)scripts/deps build test
	$(SUB) SAN=1 slow

slow: all $(BUILD)/credrotate-faults
	$(call bats,build/soak/tap,slow)

bench:
	$(Q)scripts/deps build bench
	$(SUB) all $(LOADS)
	$(Q)bench/run
	$(Q)bench/rules

# New inputs go to build/fuzz/corpus; those worth keeping are copied to tests/fuzz/corpus by hand.
fuzz:
	$(Q)scripts/deps build check
	$(SUB) FUZZ=1 $(FUZZERS:%=fuzz-%)

fuzz-%: $(BUILD)/fuzzer/%
	@mkdir -p $(BUILD)/corpus/$*
	$(Q)$< -max_total_time=$(FUZZ_TIME) -artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$* tests/fuzz/corpus/$* \
		>$(BUILD)/$*.log 2>&1 || { tail -n 40 $(BUILD)/$*.log; exit 1; }
	@echo "  FUZZ   $*: $$(tail -n 1 $(BUILD)/$*.log)"

# --- Checking ---

check:
	$(Q)scripts/deps build check
	$(SUB) all $(ARCHIVES)
	$(SUB) check-format check-scripts check-man check-units check-layers check-binaries check-cppcheck \
		check-tidy

check-format:
	$(Q)clang-format --dry-run --Werror $(SOURCES) $(HEADERS)

check-scripts:
	$(Q)shellcheck --external-sources $(filter-out %.bats %.bash,$(SCRIPTS))
	$(Q)shellcheck --exclude=$(BATSISMS) $(filter %.bats %.bash,$(SCRIPTS))

check-man: # against one another too: a page that refers to another must find it
	$(Q)rm -rf build/man && $(MAKE) -s install-man DESTDIR= MANDIR=build/man PROGRAM_PREFIX= >/dev/null
	$(Q)/usr/sbin/makewhatis build/man && MANPATH=build/man mandoc -T lint -W style $(MANPAGES)

check-units: all # as they are installed, but with the programs that were just built
	$(Q)rm -rf build/units && $(MAKE) -s install-units DESTDIR= UNITDIR=build/units BINDIR=$(abspath $(BIN)) \
		PROGRAM_PREFIX= >/dev/null
	$(Q)if ! command -v systemd-analyze >/dev/null; then echo "check-units: SKIP: no systemd-analyze here"; \
		elif systemd-analyze verify --man=no $(UNITS:%=build/units/%) 2>&1 | grep .; then exit 1; fi # warnings are no status

check-layers:
	$(Q)scripts/layers

check-binaries: all $(ARCHIVES)
	$(if $(SAN),,$(Q)scripts/hardening $(BUILD) $(PROGRAMS:%=$(BIN)/%))
	$(Q)scripts/unique-names $(ARCHIVES)

check-cppcheck:
	$(Q)mkdir -p $(BUILD)/cppcheck && cppcheck --quiet --error-exitcode=1 --enable=warning,style,performance,portability \
		--inline-suppr --suppressions-list=.cppcheck --cppcheck-build-dir=$(BUILD)/cppcheck -j$(shell nproc) \
		--std=c11 -D_GNU_SOURCE -Isrc src

check-tidy: $(patsubst %.c,$(BUILD)/tidy/%,$(filter src/%,$(SOURCES))) # minutes: tests are left to the others

$(BUILD)/tidy/%: %.c $(BUILD)/%.o .clang-tidy # after the object, so again when a header of it changes
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D) && clang-tidy --quiet --warnings-as-errors='*' $< -- $(BASICS) \
		-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

# --- Installing ---

install: all install-man install-share install-units
	@for p in $(PROGRAMS); do \
		install -v -D -m 755 $(BIN)/$$p $(DESTDIR)$(BINDIR)/$(PROGRAM_PREFIX)$$p || exit; done
	$(if $(PROGRAM_PREFIX),,@echo "note: Debian's node-ws and npm have a wscat too; PROGRAM_PREFIX=ob- makes ours ob-wscat")

install-man:
	@for m in $(MANPAGES); do \
		install -v -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$(PROGRAM_PREFIX)$${m##*/} || exit; done

install-share:
	@for f in $(SHARED); do \
		install -v -D -m 644 share/$$f $(DESTDIR)$(PREFIX)/share/outbore/$$f || exit; done

install-units: # they name the programs where those are
	@for u in $(UNITS); do \
		install -v -D -m 644 share/systemd/$$u $(DESTDIR)$(UNITDIR)/$(PROGRAM_PREFIX)$$u && \
		sed -i 's|/usr/local/bin/|$(BINDIR)/$(PROGRAM_PREFIX)|' $(DESTDIR)$(UNITDIR)/$(PROGRAM_PREFIX)$$u || exit; done

print-programs: # for what wants to know their names
	@echo $(PROGRAMS)

uninstall:
	@rm -fv $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/$(PROGRAM_PREFIX)%)
	@rm -fv $(SHARED:%=$(DESTDIR)$(PREFIX)/share/outbore/%) $(UNITS:%=$(DESTDIR)$(UNITDIR)/$(PROGRAM_PREFIX)%)
	@for m in $(MANPAGES); do rm -fv $(DESTDIR)$(MANDIR)/man$${m##*.}/$(PROGRAM_PREFIX)$${m##*/}; done

clean:
	rm -rf build $(filter-out bin/.gitignore,$(wildcard bin/*))

.PHONY: all deps run test unit system interop cluster lab soak slow bench fuzz check check-format check-scripts check-man check-layers \
	check-units check-binaries check-cppcheck check-tidy install install-man install-share install-units \
	print-programs uninstall clean .FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
