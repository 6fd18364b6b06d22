/* The rotation of a tunnel's secret, for spin(1): an edge that takes up to two secrets, connectors that come and go at any
 * moment, and credrotate, which may be killed between any two of its steps and is resumed from its journal. README.md says
 * what is left out. Each macro WRONG_... makes one mistake, each ALSO_... drops one assumption: the property must fail. */

#define TARGETS 2
#define NONE 0
#define OLD 1
#define DRAWN 2 /* the first secret that is drawn; a second one is drawn when the first was not taken */
#define LAST 3
#define CRASHES 2

/* --- The edge --- */

byte current = OLD
byte previous = NONE /* accepted too, until the window closes */

#define ACCEPTS(s) ((s) == current || ((s) != NONE && (s) == previous))

/* The current one again is a no-op; anything else drops what was previous. */
inline patch(secret, window) {
  if
  :: (secret) == current -> skip
  :: else ->
    previous = ((window) -> current : NONE)
    current = secret
  fi
}

#ifdef ALSO_EXPIRES
/* The window ends by itself while credrotate is away. */
active proctype clock() {
  atomic { previous != NONE -> previous = NONE }
}
#endif

#ifdef ALSO_LATE
/* A PATCH whose answer was lost arrives when nobody expects it any more. */
byte late = NONE
active proctype network() {
  atomic { late != NONE -> patch(late, true); late = NONE }
}
#endif

/* --- Targets: a file and the connector that reads it --- */

byte file[TARGETS] = OLD
byte held[TARGETS] = OLD   /* the secret in the process's memory */
byte tried[TARGETS] = NONE /* and the one of a set that rises */
byte joined[TARGETS] = OLD /* the secret that it registered with; NONE: not connected */
bool told[TARGETS] = false /* a signal is on its way */

/* The first reloads (make before break) and watches its file; the second is cloudflared, which has to be restarted. */
proctype connector(byte i) {
end:
  do
  :: atomic { joined[i] != NONE -> joined[i] = NONE } /* the network fails */
  :: atomic { joined[i] == NONE && ACCEPTS(held[i]) -> joined[i] = held[i] }
  :: d_step { held[i] = file[i]; tried[i] = NONE; joined[i] = NONE } /* the process fails, and is started again */
  :: d_step { i != 0 && told[i] -> told[i] = false; held[i] = file[i]; joined[i] = NONE }
  :: d_step { i == 0 && (told[i] || file[i] != held[i]) ->
      told[i] = false
      tried[i] = (file[i] != held[i] -> file[i] : NONE)
    }
  :: d_step { tried[i] != NONE && ACCEPTS(tried[i]) -> held[i] = tried[i]; joined[i] = held[i]; tried[i] = NONE }
  :: d_step { tried[i] != NONE && !ACCEPTS(tried[i]) -> tried[i] = NONE }
  od
}

/* --- credrotate --- */

mtype = { NEW, INTENT, ROLLING, JOINED, RETIRED, DONE, ROLLBACK, ROLLING_BACK, ROLLED_BACK, ABORTED }

mtype journal = NEW /* its last line: what is about to be done; */
byte new = NONE     /* with the secret's fingerprint */
byte at = 0         /* and the target */
byte crashes = 0

/* Killed here, or not; so is a run that is stopped and resumed. */
#define MAY_CRASH if :: crashes < CRASHES -> crashes++; goto resume :: true fi

#define PROVEN(i, secret) (!told[i] && joined[i] == (secret))

active proctype credrotate() {
start:
  atomic { new = (new == NONE -> DRAWN : new + 1); journal = INTENT }
  MAY_CRASH
  /* PATCH: carried out or not, answered or not. */
  if
#ifdef WRONG_NO_WINDOW
  :: atomic { patch(new, false) }
#else
  :: atomic { patch(new, true) }
#endif
    MAY_CRASH
    if
    :: goto issued
    :: goto ask
    fi
#ifdef ALSO_LATE
  :: atomic { new == DRAWN -> late = new }; goto ask
#endif
  :: goto ask
  fi

ask: /* GET token tells what became of it. */
  MAY_CRASH
  if
#ifdef WRONG_BLIND_RETRY
  :: new < LAST -> goto start
#endif
  :: current == new -> goto issued
  :: current == OLD && new < LAST -> goto start
  :: current == OLD && new == LAST -> journal = ABORTED; goto finished
  :: current != new && current != OLD -> goto finished /* somebody else's */
  fi

issued:
  atomic { journal = ROLLING; at = 0 }

roll: /* INSTALL, SIGNAL, REJOIN; all of it again if it was broken off. */
  MAY_CRASH
  file[at] = new
  MAY_CRASH
  told[at] = true
  MAY_CRASH
  if
#ifndef WRONG_EARLY_CLOSE
  :: PROVEN(at, new) -> skip
  :: goto rollback /* not in time */
#else
  :: skip
#endif
  fi
  MAY_CRASH
  if
  :: at + 1 < TARGETS -> at++; goto roll
  :: else -> journal = JOINED
  fi

join:
  MAY_CRASH
#ifndef WRONG_EARLY_CLOSE
#ifndef WRONG_RESUME
  if
  :: PROVEN(0, new) && PROVEN(1, new) -> skip
  :: goto rollback
  fi
  MAY_CRASH
#endif
#endif
  previous = NONE /* close the window; again if the answer is lost */
  MAY_CRASH
  journal = RETIRED

retire:
  MAY_CRASH
  journal = DONE
#ifdef REACHES_DONE
  assert(false)
#endif
  assert(current == new && !ACCEPTS(OLD))
  assert(file[0] == new && file[1] == new && held[0] == new && held[1] == new)
  goto finished

rollback: /* A rotation to the old secret. */
  journal = ROLLBACK
back:
  MAY_CRASH
#ifdef WRONG_ROLLBACK
  atomic { patch(OLD, false) }
#else
  atomic { patch(OLD, true) }
#endif
  MAY_CRASH
  atomic { journal = ROLLING_BACK; at = TARGETS - 1 }

roll_back:
  MAY_CRASH
  file[at] = OLD
  MAY_CRASH
  told[at] = true
  MAY_CRASH
  PROVEN(at, OLD)
  if
  :: at > 0 -> at--; goto roll_back
  :: else -> skip
  fi
  MAY_CRASH
  PROVEN(0, OLD) && PROVEN(1, OLD)
  previous = NONE
  MAY_CRASH
  journal = ROLLED_BACK
#ifdef REACHES_ROLLED_BACK
  assert(false)
#endif
  assert(current == OLD && previous == NONE)
  assert(file[0] == OLD && file[1] == OLD && held[0] == OLD && held[1] == OLD)
  goto finished

resume: /* Nothing is known but the journal. */
  if
  :: journal == NEW -> goto start
  :: journal == INTENT -> goto ask
#ifdef WRONG_RESUME
  :: journal == ROLLING -> journal = JOINED; goto join /* takes the last line for done */
#else
  :: journal == ROLLING -> goto roll
#endif
  :: journal == JOINED -> goto join
  :: journal == RETIRED -> goto retire
  :: journal == ROLLBACK -> goto back
  :: journal == ROLLING_BACK -> goto roll_back
  fi

finished:
  skip
}

/* --- The property --- */

/* Whatever a target has, on disk or in memory, can register: one whose connections break comes back, and so does one
 * whose process is started again. */
#define SAFE(i) (ACCEPTS(file[i]) && ACCEPTS(held[i]))

active proctype watcher() {
end:
  !(SAFE(0) && SAFE(1)) -> assert(false)
}

init {
  atomic { run connector(0); run connector(1) }
}
