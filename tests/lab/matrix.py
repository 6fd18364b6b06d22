#!/usr/bin/python3
"""Probe every chain of the lab with wscat and print the confusion matrix.

  matrix.py WSCAT [PATTERN] [--mended | --pasted] [--jobs N] [-v]

Each chain is started with real proxies; `wscat probe` is run once from outside, then its record is judged again with
the configurations of the proxies. --mended applies the edit of fixes.json first and expects no fault at all. --pasted
does so with the line that wscat itself suggests, where it suggests a line and not an action in words.
Exit 1 when a bound of BOUNDS is missed."""
import argparse, concurrent.futures as futures, json, os, random, re, shutil, socket, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BOUNDS = {'hop': 0.98, 'cause': 0.90}
CONFIGS = {'apache': 'httpd.conf', 'nginx': 'server.conf', 'haproxy': 'haproxy.cfg', 'caddy': 'Caddyfile'}


def free_base():
    """First of ten free ports in a row."""
    while True:
        base, held = random.randrange(20000, 32000, 10), []
        try:
            for port in range(base, base + 10):
                s = socket.socket()
                s.bind(('127.0.0.1', port))
                held.append(s)
            return base
        except OSError:
            pass
        finally:
            for s in held:
                s.close()


def chains(pattern):
    for line in open(os.path.join(HERE, 'expected.tsv')):
        if line.startswith('#') or not line.strip():
            continue
        name, cause, blame, held, options, _ = line.rstrip('\n').split('\t')
        if re.search(pattern, name):
            yield {'name': name, 'cause': cause, 'blame': blame, 'held': int(held), 'options': options}


def probe_options(options):
    words, out = options.split(), []
    for i, word in enumerate(words):
        if word == '--idle':
            out += ['--idle', words[i + 1] + 's']
        elif word == '--timeout':
            out += ['--timeout', words[i + 1] + 's']
        elif word == '--size':
            out += ['--max-frame', words[i + 1]]
        elif word == '--h2':
            out += ['--http2']
    return out


class Chain:
    def __init__(self, wscat, chain, mended):
        self.wscat, self.chain, self.mended = wscat, chain, mended
        self.dir = tempfile.mkdtemp(prefix='wscat-lab-')
        os.chmod(self.dir, 0o755)
        self.env = dict(os.environ, LAB_DIR=self.dir + '/run', LAB_BASE=str(free_base()), LAB_CHAINS=self.dir + '/chains')
        self.holders = []

    def lab(self, *args):
        return subprocess.run([HERE + '/run.sh', *args], env=self.env, capture_output=True, text=True, timeout=120)

    def __enter__(self):
        name = self.chain['name']
        if self.mended:
            fix, name = self.mended, 'mended'
            shutil.copytree(f'{HERE}/chains/{self.chain["name"]}', f'{self.dir}/chains/mended')
            path = f'{self.dir}/chains/mended/{fix["file"]}'
            text = open(path).read()
            assert fix['replace'] in text, 'the text to replace is not there'
            open(path, 'w').write(text.replace(fix['replace'], fix['with']))
        start = self.lab('start', name)
        if start.returncode != 0:
            raise RuntimeError(f'{name} does not start: {start.stderr}')
        self.hops = []
        for line in self.lab('hops').stdout.splitlines():
            number, kind, url = line.split('\t')
            self.hops.append({'name': 'app' if kind == 'app' else number, 'number': number, 'kind': kind, 'url': url})
        for _ in range(self.chain['held']):
            holder = subprocess.Popen([self.wscat, '--wait', '60s', '--show', 'timing', self.hops[0]['url']],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            holder.stderr.readline()  # it is open
            self.holders.append(holder)
        return self

    def __exit__(self, *_):
        for holder in self.holders:
            holder.kill()
            holder.wait()
        self.lab('stop')
        shutil.rmtree(self.dir, ignore_errors=True)

    def probe(self):
        """The verdicts without and with the configurations."""
        args = [self.wscat, 'probe', '--json', '--cacert', self.env['LAB_DIR'] + '/tls.crt']
        for hop in self.hops:
            args += ['--hop', f'{hop["name"]}={hop["url"]}']
        bare = subprocess.run(args + probe_options(self.chain['options']), capture_output=True, text=True, timeout=120)
        args = [self.wscat, 'probe', '--json', '-']
        for hop in self.hops:
            if hop['kind'] in CONFIGS:
                args += ['--config', f'{hop["name"]}={self.env["LAB_DIR"]}/hop{hop["number"]}/{CONFIGS[hop["kind"]]}']
        read = subprocess.run(args, input=bare.stdout, capture_output=True, text=True, timeout=120)
        try:
            return json.loads(bare.stdout)['ws']['verdict'], json.loads(read.stdout)['ws']['verdict']
        except (ValueError, KeyError):
            raise RuntimeError(f'{bare.stdout[:300]} {bare.stderr} {read.stderr}')


DIRECTIVES = ('ProxyPass', 'ProxyPreserveHost', 'BalancerMember', 'Require', 'SSLProxyEngine', 'proxy_', 'location', 'auth_', 'timeout',
    'http-request', 'limit_req', 'SecRuleRemoveById', 'server', 'reverse_proxy', 'handle_path', 'response_header_timeout')


def paste_nginx(text, fix):
    """nginx takes any layout: a directive replaces the one of its name, or goes before proxy_pass."""
    text = re.sub(r'(?m)^# (?!lab:).*\n', '', text)  # a comment may name the directive
    if fix.startswith('location'):
        return re.sub(r'location [^{]*\{', lambda m: fix, text, count=1)
    for directive in re.findall(r'[^;]+;', fix):
        words = directive.split()
        name = ' '.join(words[:2]) if words[0] == 'proxy_set_header' else words[0].rstrip(';')
        pattern = re.compile(r'(?<![\w$])' + re.escape(name) + r'\s[^;]*;')
        if pattern.search(text):
            text = pattern.sub(lambda m: directive.strip(), text, count=1)
        else:
            text = text.replace('proxy_pass', directive.strip() + ' proxy_pass', 1)
    return text


def paste(kind, text, number, fix):
    """The configuration with the fix pasted in at its line; None when the fix is no line."""
    fix = fix.split('    (')[0]
    removed = re.match(r'Remove `(.*?)`', fix)
    if removed and kind == 'nginx':
        return text.replace(removed.group(1), '') if removed.group(1) in text else None
    if not removed and not fix.startswith(DIRECTIVES):
        return None
    if kind == 'nginx':
        return paste_nginx(text, fix)
    lines = text.split('\n')
    old, indent = lines[number].split(), lines[number][:len(lines[number]) - len(lines[number].lstrip())]
    same = 2 if fix.startswith(('timeout', 'http-request')) else 1
    if removed:
        del lines[number]
    elif old[:same] == fix.split()[:same]:
        lines[number] = indent + fix + (' {' if old[-1] == '{' and not fix.endswith('{') else '')
    elif fix.startswith('handle_path'):
        lines[number] = indent + fix
    elif fix.startswith('SSLProxyEngine'):
        lines.insert(0, fix)
    else:
        lines.insert(number + 1, indent + fix)
    return '\n'.join(lines)


def edit_of(chain, hops, env, verdict):
    """The suggestion as an edit of the chain's template. None when it is no line."""
    hop = next((h for h in hops if h['name'] == verdict['hop']), None)
    if not hop or not verdict['where'] or hop['kind'] not in CONFIGS:
        return None
    number, base, index = int(verdict['where'].rsplit(':', 1)[1]), int(env['LAB_BASE']), int(hop['number'])
    file = next(f for f in os.listdir(f'{HERE}/chains/{chain["name"]}') if f.startswith(hop['number'] + '-'))
    text = open(f'{HERE}/chains/{chain["name"]}/{file}').read()
    whole = open(f'{env["LAB_DIR"]}/hop{index}/{CONFIGS[hop["kind"]]}').read()
    fix = verdict['fix'].replace(str(base + index), '@NEXT@').replace(str(base + 9), '@DEAD@')
    pasted = paste(hop['kind'], text, number - 1 - (whole.count('\n') - text.count('\n')), fix)
    return {'file': file, 'replace': text, 'with': pasted} if pasted else None


def run_pasted(wscat, chain):
    """(chain, what happened): '' when the suggestion mends it, None when it is no line."""
    try:
        with Chain(wscat, chain, None) as c:
            edit = edit_of(chain, c.hops, c.env, c.probe()[1])
        if edit is None:
            return chain, None
        _, got = run(wscat, chain, edit)
        if isinstance(got, str):
            return chain, got
        # Behind the first fault of these is a second one: a prefix that is kept, a certificate that is not trusted.
        two = chain['name'] in ('caddy-down', 'apache-no-sslproxy')
        gone = got[1]['cause'] != chain['cause'] and (two or not got[1]['fault'])
        return chain, '' if gone else f'{got[1]["cause"]}: {got[1]["what"]} [{edit["with"][:200]!r}]'
    except Exception as e:
        return chain, repr(e)


def report_pasted(results):
    mended = [c['name'] for c, why in results if why == '']
    failed = [(c['name'], why) for c, why in results if why]
    for name, why in failed:
        print(f'MISS {name}: {why[:300]}')
    print(f'{len(mended)} chains mended by the line that was suggested, {len(failed)} not; '
          f'in {len(results) - len(mended) - len(failed)} the suggestion is an action in words')
    print('in words: ' + ' '.join(c['name'] for c, why in results if why is None))
    return not failed


def run(wscat, chain, mended):
    for attempt in (1, 2, 3):  # a port may be taken between the look and the start
        try:
            with Chain(wscat, chain, mended) as c:
                return chain, c.probe()
        except RuntimeError as e:
            if 'does not start' not in str(e) or attempt == 3:
                return chain, str(e)
        except Exception as e:
            return chain, repr(e)


def cell(verdict):
    return verdict['cause'] or ('WS-UNKNOWN' if verdict['hop'] else 'OK')


def report(results, mended, verbose):
    tally = {'broken': 0, 'fine': 0, 'alarms': 0, 'hop': 0, 'cause': 0, 'bare': 0, 'overclaims': 0, 'failed': 0}
    confusion = {}
    for chain, got in results:
        if isinstance(got, str):
            tally['failed'] += 1
            print(f'FAIL {chain["name"]}: {got}')
            continue
        bare, read = got
        expected = 'OK' if mended else chain['cause']
        confusion.setdefault((expected, cell(read)), []).append(chain['name'])
        if expected == 'OK':
            tally['fine'] += 1
            alarms = [v for v in (bare, read) if v['hop'] and not (mended and v['cause'] in ('WS-APP-08', 'WS-NGINX-21'))]
            tally['alarms'] += bool(alarms)
            ok = not alarms
        else:
            hop = bare['hop'] == chain['blame'] and read['hop'] == chain['blame']
            cause = read['cause'] == chain['cause']
            tally['broken'] += 1
            tally['hop'] += hop
            tally['cause'] += cause
            tally['bare'] += bare['cause'] == chain['cause']
            for v in (bare, read):
                wrong_hop = v['confidence']['hop'] == 'certain' and v['hop'] != chain['blame']
                wrong_cause = v['confidence']['cause'] == 'certain' and v['cause'] != chain['cause']
                tally['overclaims'] += wrong_hop or wrong_cause
            ok = hop and cause
        if not ok or verbose:
            print(f'{"ok  " if ok else "MISS"} {chain["name"]}: expected {expected} at {chain["blame"]}')
            if verbose and read['fix']:
                print(f'     fix: {os.path.basename(read["where"] or "-")}: {read["fix"]}')
            for label, v in (('outside', bare), ('config', read)):
                print(f'     {label}: {v["cause"]} at {v["hop"]} ({v["confidence"]["cause"]}/{v["confidence"]["hop"]}): {v["what"]} [{v["evidence"]}]')
    print('\nexpected        judged          chains')
    for (expected, judged), names in sorted(confusion.items()):
        print(f'{expected:15} {judged:15} {len(names):3}{"" if expected == judged else "  <- " + ", ".join(names)}')
    print(f'\n{tally["fine"]} chains without fault: {tally["alarms"]} false alarms')
    if tally['broken']:
        print(f'{tally["broken"]} broken chains: hop right in {tally["hop"]} ({tally["hop"] / tally["broken"]:.1%}), '
              f'cause right in {tally["cause"]} ({tally["cause"] / tally["broken"]:.1%}) with the configuration, '
              f'in {tally["bare"]} ({tally["bare"] / tally["broken"]:.1%}) without; '
              f'{tally["overclaims"]} times "certain" and wrong; {tally["failed"]} not run')
    met = tally['alarms'] == 0 and tally['overclaims'] == 0 and tally['failed'] == 0
    if tally['broken']:
        met = met and all(tally[k] / tally['broken'] >= bound for k, bound in BOUNDS.items())
    return met


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('wscat')
    parser.add_argument('pattern', nargs='?', default='.')
    parser.add_argument('--mended', action='store_true')
    parser.add_argument('--pasted', action='store_true')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('-v', action='store_true')
    args = parser.parse_args()
    fixes = json.load(open(HERE + '/fixes.json'))
    todo = [(c, fixes.get(c['name']) if args.mended else None) for c in chains(args.pattern)]
    if args.mended:
        todo = [(c, f) for c, f in todo if f]
    if args.pasted:
        with futures.ThreadPoolExecutor(args.jobs) as pool:
            results = list(pool.map(lambda t: run_pasted(os.path.abspath(args.wscat), t[0]), [t for t in todo if t[0]['cause'] != 'OK']))
        sys.exit(0 if report_pasted(results) else 1)
    with futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda t: run(os.path.abspath(args.wscat), *t), todo))
    sys.exit(0 if report(results, args.mended, args.v) else 1)


main()
