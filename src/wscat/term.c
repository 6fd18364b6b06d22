/* libedit by its readline interface, whose callbacks carry no argument: hence the one static pointer. */
#include <editline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "wscat/term.h"

#define PROMPT "> "
#define HISTORY_FILE ".wscat_history"
#define HISTORY_MOST 500 /* lines kept */

struct term {
	term_fn *fn;
	void *arg;
	struct loop_io *io;
	char *history; /* the file's name; NULL: no home */
	bool over;
	bool renew; /* a line was taken: the library's copy of it is still on display */
};

static struct term *current;

static void on_line(char *line)
{
	struct term *t = current;

	if (line == NULL) {
		t->over = true;
		rl_callback_handler_remove();
		loop_arm(t->io, LOOP_NOTHING);
		putchar('\n');
	} else if (line[0] != '\0') {
		add_history(line);
	}
	t->renew = !t->over;
	t->fn(t->arg, line);
	free(line);
}

static void on_input(void *arg, unsigned events)
{
	struct term *t = arg;

	(void)events;
	if (!t->over)
		rl_callback_read_char();
	if (t->renew) {
		t->renew = false;
		rl_callback_handler_remove();
		rl_callback_handler_install(PROMPT, on_line);
	}
}

struct term *term_new(struct loop *loop, term_fn *fn, void *arg)
{
	struct term *t = mem_alloc(sizeof(*t));
	const char *home = getenv("HOME");

	*t = (struct term){.fn = fn, .arg = arg};
	t->history = home != NULL ? mem_printf("%s/" HISTORY_FILE, home) : NULL;
	current = t;
	rl_readline_name = "wscat";
	using_history();
	stifle_history(HISTORY_MOST);
	if (t->history != NULL)
		read_history(t->history);
	t->io = loop_watch(loop, STDIN_FILENO, on_input, t);
	loop_arm(t->io, LOOP_READ);
	rl_callback_handler_install(PROMPT, on_line);
	return t;
}

void term_hide(struct term *t)
{
	if (t != NULL && !t->over && !t->renew) {
		fputs("\r\033[K", stdout);
		fflush(stdout);
	}
}

void term_show(struct term *t)
{
	if (t != NULL && !t->over && !t->renew) {
		fflush(stdout);
		rl_forced_update_display();
	}
}

void term_free(struct term *t)
{
	if (t == NULL)
		return;
	if (!t->over)
		rl_callback_handler_remove();
	loop_unwatch(t->io);
	if (t->history != NULL) {
		mode_t old = umask(077);
		write_history(t->history);
		umask(old);
	}
	current = NULL;
	free(t->history);
	free(t);
}
