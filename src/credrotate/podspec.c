/* Volumes, environments and arguments. */
#include <string.h>

#include "common/base/duration.h"
#include "credrotate/podspec.h"

#define VERSION_DIGITS_MAX 18
#define FINGERPRINT_LEN 16

static const char *const lists[] = {"initContainers", "containers"};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

json_t *podspec_of(json_t *deployment)
{
	json_t *spec = json_object_get(deployment, "spec");

	return json_object_get(json_object_get(spec, "template"), "spec");
}

static const char *text_of(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* --- One reference --- */

/* The member that names a Secret in a volume, a source of a projected one, an entry of env or of envFrom: its object, and
 * what the name is called there. NULL when it names none. */
static json_t *ref_of(json_t *item, const char **member)
{
	json_t *from = json_object_get(item, "valueFrom");
	json_t *found = json_object_get(item, "secret");

	*member = json_object_get(found, "secretName") != NULL ? "secretName" : "name";
	if (found == NULL)
		found = json_object_get(item, "secretRef");
	return found != NULL ? found : json_object_get(from, "secretKeyRef");
}

static const char *name_of(json_t *item)
{
	const char *member;
	json_t *ref = ref_of(item, &member);

	return text_of(ref, member);
}

/* --- Where it is used --- */

static json_t *sources_of(json_t *volume)
{
	return json_object_get(json_object_get(volume, "projected"), "sources");
}

static bool volume_has(json_t *volume, const char *secret)
{
	json_t *source;
	size_t i;
	const char *name = name_of(volume);

	if (name != NULL && strcmp(name, secret) == 0)
		return true;
	json_array_foreach(sources_of(volume), i, source)
	{
		name = name_of(source);
		if (name != NULL && strcmp(name, secret) == 0)
			return true;
	}
	return false;
}

static bool is_in_volume(json_t *pod, const char *volume_name, const char *secret)
{
	json_t *volume;
	size_t i;

	json_array_foreach(json_object_get(pod, "volumes"), i, volume)
	{
		const char *name = text_of(volume, "name");
		if (name != NULL && volume_name != NULL && strcmp(name, volume_name) == 0)
			return volume_has(volume, secret);
	}
	return false;
}

static unsigned container_uses(json_t *pod, json_t *container, const char *secret)
{
	static const char *const places[] = {"env", "envFrom"};
	unsigned uses = 0;
	json_t *item;
	size_t i;

	for (size_t p = 0; p < 2; p++)
		json_array_foreach(json_object_get(container, places[p]), i, item)
		{
			const char *name = name_of(item);
			uses |= name != NULL && strcmp(name, secret) == 0 ? PODSPEC_ENV : 0;
		}
	json_array_foreach(json_object_get(container, "volumeMounts"), i, item)
	{
		bool fixed = json_object_get(item, "subPath") != NULL ||
			     json_object_get(item, "subPathExpr") != NULL;
		if (is_in_volume(pod, text_of(item, "name"), secret))
			uses |= fixed ? PODSPEC_SUBPATH : PODSPEC_DIRECTORY;
	}
	return uses;
}

unsigned podspec_uses(json_t *pod, const char *secret)
{
	unsigned uses = 0;
	json_t *container;
	size_t i;

	for (size_t l = 0; l < LISTS; l++)
		json_array_foreach(json_object_get(pod, lists[l]), i, container) uses |=
			container_uses(pod, container, secret);
	return uses;
}

/* --- A Secret under a name of its own for each version --- */

bool podspec_is_version(const char *name, const char *base)
{
	size_t len = strlen(base);

	if (strncmp(name, base, len) != 0)
		return false;
	if (name[len] == '\0')
		return true;
	if (name[len] != '-')
		return false;
	const char *rest = name + len + 1;
	size_t n = strlen(rest);
	return (n > 0 && n <= VERSION_DIGITS_MAX && strspn(rest, "0123456789") == n) ||
	       (n == FINGERPRINT_LEN && strspn(rest, "0123456789abcdef") == n);
}

/* The name that stands for base in one item of a list, a volume's sources not looked at. */
static const char *version_in(json_t *item, const char *base)
{
	const char *name = name_of(item);

	return name != NULL && podspec_is_version(name, base) ? name : NULL;
}

static const char *find_in(json_t *list, const char *base)
{
	json_t *item, *source;
	size_t i, j;

	json_array_foreach(list, i, item)
	{
		const char *name = version_in(item, base);
		json_array_foreach(sources_of(item), j, source) name =
			name != NULL ? name : version_in(source, base);
		if (name != NULL)
			return name;
	}
	return NULL;
}

const char *podspec_find(json_t *pod, const char *base)
{
	const char *name = find_in(json_object_get(pod, "volumes"), base);
	json_t *container;
	size_t i;

	for (size_t l = 0; l < LISTS; l++)
		json_array_foreach(json_object_get(pod, lists[l]), i, container)
		{
			name = name != NULL ? name : find_in(json_object_get(container, "env"), base);
			name = name != NULL ? name : find_in(json_object_get(container, "envFrom"), base);
		}
	return name;
}

/* A copy of the item that names the other Secret; NULL when it does not name one that stands for base. */
static json_t *switched(json_t *item, const char *base, const char *to)
{
	const char *member;

	if (version_in(item, base) == NULL)
		return NULL;
	json_t *copy = json_deep_copy(item), *ref = ref_of(copy, &member);
	json_object_set_new(ref, member, json_string(to));
	return copy;
}

/* Kubernetes replaces this list: all of it, when anything changes. NULL when nothing does. */
static json_t *switch_whole(json_t *list, const char *base, const char *to)
{
	json_t *out = json_array(), *item;
	bool any = false;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *copy = switched(item, base, to);
		any |= copy != NULL;
		json_array_append_new(out, copy != NULL ? copy : json_incref(item));
	}
	if (any)
		return out;
	json_decref(out);
	return NULL;
}

/* Kubernetes merges this list by names: those items that change. NULL when none does. */
static json_t *switch_merged(json_t *list, const char *base, const char *to)
{
	json_t *out = json_array(), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *copy = switched(item, base, to);
		json_t *sources = switch_whole(sources_of(item), base, to);
		if (sources != NULL) {
			copy = json_deep_copy(item);
			json_object_set_new(json_object_get(copy, "projected"), "sources", sources);
		}
		if (copy != NULL)
			json_array_append_new(out, copy);
	}
	if (json_array_size(out) > 0)
		return out;
	json_decref(out);
	return NULL;
}

static void set_unless_null(json_t *object, const char *name, json_t *value)
{
	if (value != NULL)
		json_object_set_new(object, name, value);
}

static json_t *switch_containers(json_t *containers, const char *base, const char *to)
{
	json_t *out = json_array(), *container;
	size_t i;

	json_array_foreach(containers, i, container)
	{
		json_t *change = json_object();
		set_unless_null(change, "env", switch_merged(json_object_get(container, "env"), base, to));
		set_unless_null(
			change, "envFrom", switch_whole(json_object_get(container, "envFrom"), base, to));
		if (json_object_size(change) > 0) {
			json_object_set(change, "name", json_object_get(container, "name"));
			json_array_append(out, change);
		}
		json_decref(change);
	}
	if (json_array_size(out) > 0)
		return out;
	json_decref(out);
	return NULL;
}

json_t *podspec_switch(json_t *pod, const char *base, const char *to)
{
	json_t *change = json_object();

	set_unless_null(change, "volumes", switch_merged(json_object_get(pod, "volumes"), base, to));
	for (size_t l = 0; l < LISTS; l++)
		set_unless_null(
			change, lists[l], switch_containers(json_object_get(pod, lists[l]), base, to));
	return change;
}

/* --- Arguments --- */

/* The value of --grace-period in a list of words, or NULL. */
static const char *grace_in(json_t *words)
{
	static const char option[] = "--grace-period";
	const size_t len = sizeof(option) - 1;
	const char *found = NULL;
	json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		const char *text = json_string_value(word);
		if (text == NULL || strncmp(text, option, len) != 0)
			continue;
		if (text[len] == '=')
			found = text + len + 1;
		else if (text[len] == '\0')
			found = json_string_value(json_array_get(words, i + 1));
	}
	return found;
}

long podspec_grace_s(json_t *pod, long usual)
{
	static const char *const places[] = {"command", "args"};
	long longest = -1;
	json_t *container;
	size_t i;

	json_array_foreach(json_object_get(pod, "containers"), i, container) for (size_t p = 0; p < 2; p++)
	{
		const char *text = grace_in(json_object_get(container, places[p]));
		int64_t ns;
		if (text == NULL || duration_parse(span_str(text), &ns) != DURATION_OK || ns < 0)
			continue;
		long s = (long)((ns + DURATION_S - 1) / DURATION_S);
		longest = s > longest ? s : longest;
	}
	return longest >= 0 ? longest : usual;
}
