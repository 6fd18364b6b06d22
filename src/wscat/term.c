/* libedit, a key at a time: its own interface, whose state is in the EditLine. */
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "wscat/term.h"

#define HISTORY_FILE ".wscat_history"
#define HISTORY_MOST 500 /* lines kept */
#define END_OF_INPUT 4   /* Ctrl-D on an empty line */

struct term {
	term_fn *fn;
	void *arg;
	struct loop_io *io;
	EditLine *el;
	History *history;
	char *file; /* of the history; NULL: no home */
	bool over;
	bool taken; /* a line is being handed on: none is on display */
};

static char *prompt(EditLine *el)
{
	static char text[] = "> ";

	(void)el;
	return text;
}

/* Out of the mode of single keys and back: what the line held is forgotten, and the prompt drawn anew. */
static void hand_on(struct term *t, char *line)
{
	HistEvent event;

	t->taken = true;
	el_set(t->el, EL_UNBUFFERED, 0);
	if (line == NULL) {
		t->over = true;
		loop_arm(t->io, LOOP_NOTHING);
		putchar('\n');
	} else if (line[0] != '\0') {
		history(t->history, &event, H_ENTER, line);
	}
	t->fn(t->arg, line);
	fflush(stdout);
	t->taken = false;
	if (!t->over)
		el_set(t->el, EL_UNBUFFERED, 1);
}

static void on_input(void *arg, unsigned events)
{
	struct term *t = arg;
	int count = 0;

	(void)events;
	if (t->over)
		return;
	const char *text = el_gets(t->el, &count);
	if (text == NULL || count <= 0)
		return;
	char last = text[count - 1];
	if (count == 1 && last == END_OF_INPUT) {
		hand_on(t, NULL);
	} else if (last == '\n' || last == '\r') {
		char *line = mem_spandup(span_of(text, (size_t)count - 1));
		hand_on(t, line);
		free(line);
	}
}

static void start_history(struct term *t)
{
	const char *home = getenv("HOME");
	HistEvent event;

	t->file = home != NULL ? mem_printf("%s/" HISTORY_FILE, home) : NULL;
	t->history = history_init();
	history(t->history, &event, H_SETSIZE, HISTORY_MOST);
	if (t->file != NULL)
		history(t->history, &event, H_LOAD, t->file);
	el_set(t->el, EL_HIST, history, t->history);
}

struct term *term_new(struct loop *loop, term_fn *fn, void *arg)
{
	struct term *t = mem_alloc(sizeof(*t));

	*t = (struct term){.fn = fn, .arg = arg};
	/* Text messages are UTF-8, whatever the user's locale is; for ASCII this one is as the default. */
	setlocale(LC_CTYPE, "C.UTF-8");
	t->el = el_init("wscat", stdin, stdout, stderr);
	el_set(t->el, EL_EDITOR, "emacs");
	el_set(t->el, EL_PROMPT, prompt);
	start_history(t);
	t->io = loop_watch(loop, STDIN_FILENO, on_input, t);
	loop_arm(t->io, LOOP_READ);
	el_set(t->el, EL_UNBUFFERED, 1);
	return t;
}

void term_hide(struct term *t)
{
	if (t != NULL && !t->over && !t->taken) {
		fputs("\r\033[K", stdout);
		fflush(stdout);
	}
}

void term_show(struct term *t)
{
	if (t != NULL && !t->over && !t->taken) {
		fflush(stdout);
		el_set(t->el, EL_REFRESH);
	}
}

void term_free(struct term *t)
{
	HistEvent event;

	if (t == NULL)
		return;
	if (!t->over)
		el_set(t->el, EL_UNBUFFERED, 0);
	loop_unwatch(t->io);
	if (t->file != NULL) {
		mode_t old = umask(077);
		history(t->history, &event, H_SAVE, t->file);
		umask(old);
	}
	history_end(t->history);
	el_end(t->el);
	free(t->file);
	free(t);
}
