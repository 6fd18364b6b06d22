"""The chains of processes that are compared: each takes a visitor's request in, plain or TLS, and hands it to the origin."""

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TUNNEL = os.path.join(HERE, "..", "bin", "tunnel")
READY_S = 20
LINKS = 4  # tunnel connections


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(n) for n in f.read().split()]
    except FileNotFoundError:
        return []


class Process:
    """One program, with the processes that it forks, and what they use."""

    def __init__(self, role, argv, log, **options):
        self.role = role
        self.child = subprocess.Popen(argv, stderr=log, **{"stdout": log, "stdin": subprocess.DEVNULL, **options})

    def pids(self):
        found, new = [], [self.child.pid]
        while new:
            found += new
            new = [c for p in new for c in children(p)]
        return found

    def cpu_ns(self):
        """Time on a processor so far, all threads."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
        return total

    def memory_kib(self, field):
        """Pss (pages shared with others counted in part) or Rss (counted in full)."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith(field + ":"))
        return total

    def stop(self):
        self.child.send_signal(signal.SIGKILL if self.role == "load" else signal.SIGTERM)
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.child.wait()


class Chain:
    """Started by one of the functions below. plain and tls are the visitor's ports."""

    def __init__(self, name, processes, plain, tls, metrics=None):
        self.name, self.processes, self.plain, self.tls, self.metrics = name, processes, plain, tls, metrics

    def cpu(self):
        return {p.role: p.cpu_ns() for p in self.processes}

    def memory(self, field):
        return {p.role: p.memory_kib(field) for p in self.processes}

    def stop(self):
        for p in reversed(self.processes):
            p.stop()

    def is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.plain), 1) as s:
                s.settimeout(2)
                s.sendall(b"GET /1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if s.recv(12) != b"HTTP/1.1 200":
                    return False
            if self.metrics is None:
                return True
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/ready") as answer:
                return json.load(answer)["tunnelConnections"] == LINKS
        except OSError:
            return False

    def wait(self):
        """Until a request passes, and all tunnel connections are up."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if self.is_ready():
                return self
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not serve; see its log")


class Bench:
    """What all chains have in common: the origin, certificates, a directory for files and logs."""

    def __init__(self, directory, origin_port, cloudflared=None, baseline=None):
        self.dir, self.origin, self.cloudflared, self.baseline = directory, origin_port, cloudflared, baseline
        self.certs = os.path.join(directory, "certs")
        self.ca = os.path.join(self.certs, "ca.pem")
        self.cert = os.path.join(self.certs, "public.pem")
        self.key = os.path.join(self.certs, "public.key")
        self.credentials = os.path.join(directory, "tunnel.json")
        self.make_credentials()
        # The edge makes the certificates, which all chains use.
        self.tunnel_edge("setup")[0].stop()
        with open(self.path("both.pem"), "w") as both:
            for part in (self.cert, self.key):
                with open(part) as f:
                    both.write(f.read())

    def path(self, name):
        return os.path.join(self.dir, name)

    def log(self, name):
        return open(self.path(name + ".log"), "ab")

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def make_credentials(self):
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        text = json.dumps({"AccountTag": "bench", "TunnelSecret": secret, "TunnelID": str(uuid.uuid4())})
        os.chmod(self.write("tunnel.json", text), 0o600)

    # --- ours ---

    def tunnel_edge(self, name, program=TUNNEL):
        edge = Process("edge", [
            program, "edge", "--json", "--listen", "127.0.0.1:0", "--listen-http", "127.0.0.1:0",
            "--tunnel-listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--dev", self.certs,
            "--credentials", self.credentials, "--route", "*=tunnel"], self.log(name + "-edge"), stdout=subprocess.PIPE)
        record = json.loads(edge.child.stdout.readline())
        return edge, {x["role"]: int(x["address"].rsplit(":", 1)[1]) for x in record["listen"]}

    def outbore(self, name="outbore", program=TUNNEL):
        edge, ports = self.tunnel_edge(name, program)
        connector = Process("connector", [
            program, "run", "--credentials-file", self.credentials, "--cacert", self.ca,
            "--metrics", "127.0.0.1:0", "--url", f"http://127.0.0.1:{self.origin}",
            *["--edge", f"127.0.0.1:{ports['tunnel']}"] * LINKS], self.log(name + "-connector"))
        return Chain(name, [edge, connector], ports["public-http"], ports["public-tls"], ports["metrics"])

    def before(self):
        return self.outbore("before", self.baseline)

    def cloudflared_chain(self):
        edge, ports = self.tunnel_edge("cloudflared")
        connector = Process("connector", [
            self.cloudflared, "tunnel", "--no-autoupdate", "--protocol", "http2", "--cacert", self.ca,
            *["--edge", f"127.0.0.1:{ports['tunnel']}"] * LINKS, "--credentials-file", self.credentials,
            "--metrics", "127.0.0.1:0", "--url", f"http://127.0.0.1:{self.origin}", "run",
            json.load(open(self.credentials))["TunnelID"]], self.log("cloudflared"))
        return Chain("cloudflared", [edge, connector], ports["public-http"], ports["public-tls"],
                     ports["metrics"])

    # --- the others ---

    def direct(self):
        return Chain("direct", [], self.origin, None)

    def nginx(self):
        plain, tls, middle = free_port(), free_port(), free_port()
        common = (
            f"daemon off; worker_processes 1; error_log {self.path('nginx-error.log')};\n"
            "events { worker_connections 16384; }\n"
            "http { access_log off; client_max_body_size 0; keepalive_requests 100000000; sendfile on;\n"
            "proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;\n"
            "proxy_read_timeout 1h; proxy_send_timeout 1h; tcp_nodelay on;\n"
            f"ssl_certificate {self.cert}; ssl_certificate_key {self.key};\n"
            "map $http_upgrade $keep { default upgrade; '' ''; }\n"
            "proxy_set_header Connection $keep; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;\n")
        near = self.write("nginx-near.conf", f"pid {self.path('near.pid')};\n" + common + (
            f"proxy_ssl_trusted_certificate {self.ca}; proxy_ssl_verify on; proxy_ssl_name localhost;\n"
            f"upstream far {{ server 127.0.0.1:{middle}; keepalive 128; keepalive_requests 100000000; }}\n"
            f"server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;\n"
            "location / { proxy_pass https://far; } } }\n"))
        far = self.write("nginx-far.conf", f"pid {self.path('far.pid')};\n" + common + (
            f"upstream origin {{ server 127.0.0.1:{self.origin}; keepalive 128; keepalive_requests 100000000; }}\n"
            f"server {{ listen 127.0.0.1:{middle} ssl; location / {{ proxy_pass http://origin; }} }} }}\n"))
        log = self.log("nginx")
        return Chain("nginx", [Process("near", ["nginx", "-p", self.dir, "-c", near], log),
                               Process("far", ["nginx", "-p", self.dir, "-c", far], log)], plain, tls)

    def haproxy(self):
        plain, tls, middle, both = free_port(), free_port(), free_port(), self.path("both.pem")
        common = ("global\n nbthread 1\n maxconn 4096\n"
                  "defaults\n mode http\n http-reuse always\n timeout connect 5s\n timeout client 1h\n"
                  " timeout server 1h\n timeout tunnel 1h\n")
        near = self.write("haproxy-near.cfg", common + (
            f"frontend f\n bind 127.0.0.1:{plain}\n bind 127.0.0.1:{tls} ssl crt {both}\n default_backend b\n"
            f"backend b\n server far 127.0.0.1:{middle} ssl verify required ca-file {self.ca} "
            "verifyhost localhost sni str(localhost) alpn h2\n"))
        far = self.write("haproxy-far.cfg", common + (
            f"frontend f\n bind 127.0.0.1:{middle} ssl crt {both} alpn h2\n default_backend b\n"
            f"backend b\n server origin 127.0.0.1:{self.origin}\n"))
        log = self.log("haproxy")
        return Chain("haproxy", [Process("near", ["haproxy", "-db", "-f", near], log),
                                 Process("far", ["haproxy", "-db", "-f", far], log)], plain, tls)

    def nghttpx(self):
        plain, tls, middle = free_port(), free_port(), free_port()
        common = ["nghttpx", "--conf=/dev/null", "--workers=1", "--no-ocsp", "--rlimit-nofile=20000",
                  "--log-level=ERROR", "--backend-read-timeout=1h", "--backend-write-timeout=1h",
                  "--frontend-read-timeout=1h", "--frontend-http2-read-timeout=1h"]
        near = common + [f"--frontend=127.0.0.1,{plain};no-tls", f"--frontend=127.0.0.1,{tls}",
                         f"--backend=127.0.0.1,{middle};;proto=h2;tls;sni=localhost", f"--cacert={self.ca}",
                         self.key, self.cert]
        far = common + [f"--frontend=127.0.0.1,{middle}", f"--backend=127.0.0.1,{self.origin}", self.key, self.cert]
        log = self.log("nghttpx")
        return Chain("nghttpx", [Process("near", near, log), Process("far", far, log)], plain, tls)
