# SPDX-License-Identifier: GPL-2.0-or-later
"""Web servers and their clients: nginx and Python's http.server, ab and curl, either way."""

from __future__ import annotations

import re
import sysconfig

from .scene import GUEST, PEER, WORK_SECONDS, Results, Scene, content, digest
from .workload import Workload

SMALL, BIG = content("small", 5_000), content("big", 3_000_000)
REQUESTS = 400
FETCHES = 60

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen {port} backlog=1024; root {folder}/www; }}
}}
"""
# ab's lines that say what became of the requests, and no times.
AB = ("Complete requests", "Failed requests", "Write errors", "Non-2xx responses",
      "Keep-Alive requests", "Document Length", "HTML transferred")


def ab(scene: Scene, *words: str, file: str = "small",
       seconds: float = WORK_SECONDS) -> dict[str, str]:
    """What ab says of its requests for a file of the guest."""
    said = scene.peer("ab", "-q", "-s", "30", *words, f"http://{GUEST}:8080/{file}",
                      seconds=seconds)
    return {name: found.group(1) for name in AB
            if (found := re.search(rf"^{name}: +(\d+)", said, re.M))}


def nginx_in_guest(scene: Scene) -> list[str]:
    """Files and configuration of nginx in the guest; its command."""
    scene.guest_file("/tmp/web/www/small", SMALL)
    scene.guest_file("/tmp/web/www/big", BIG)
    scene.guest_file("/tmp/web/nginx.conf", NGINX.format(folder="/tmp/web", port=8080).encode())
    return ["nginx", "-e", "/tmp/web/error.log", "-c", "/tmp/web/nginx.conf"]


def nginx_and_ab(scene: Scene) -> Results:
    """Many short connections, and few long ones."""
    with scene.guest_serves(8080, *nginx_in_guest(scene)):
        found: Results = {f"{count} at once": ab(scene, "-n", str(REQUESTS), "-c", str(count))
                          for count in (1, 10, 100)}
        found["keep-alive"] = ab(scene, "-n", str(REQUESTS), "-c", "10", "-k")
    return found


def fetch(scene: Scene, *words: str) -> str:
    """What curl at the peer gets of the guest, as a checksum."""
    file = scene.file("fetched")
    scene.peer("curl", "-sS", "--fail", "--max-time", "60", "-o", str(file), *words)
    return digest(file.read_bytes())


def nginx_and_curl(scene: Scene) -> Results:
    """Whole files, a part of one, one connection for many, and one for each."""
    url = f"http://{GUEST}:8080"
    with scene.guest_serves(8080, *nginx_in_guest(scene)):
        return {
            "big": fetch(scene, f"{url}/big"),
            "part": fetch(scene, "-r", "1000000-1999999", f"{url}/big"),
            "kept": fetch(scene, f"{url}/small?[1-{FETCHES}]"),
            "closed": fetch(scene, "-H", "Connection: close", f"{url}/small?[1-{FETCHES}]"),
            "missing": scene.peer("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                                  f"{url}/missing"),
        }


# A loop of the guest's shell, one process and one connection for each fetch.
LOOP = """
for i in $(seq {count}); do
    curl -sS --fail --max-time 30 http://{peer}:8080/small | sha256sum
done | sort | uniq -c
curl -sS --fail --max-time 60 http://{peer}:8080/big | sha256sum
"""


def nginx_at_peer(scene: Scene) -> list[str]:
    """Files and configuration of nginx at the peer; its command."""
    scene.file("www/small").write_bytes(SMALL)
    scene.file("www/big").write_bytes(BIG)
    conf = scene.file("nginx.conf")
    conf.write_text(NGINX.format(folder=scene.folder, port=8080))
    return ["nginx", "-e", str(scene.file("error.log")), "-c", str(conf)]


def curl_in_guest(scene: Scene) -> Results:
    """The guest as client."""
    with scene.peer_serves(8080, *nginx_at_peer(scene)):
        said = scene.guest("sh", "-c", LOOP.format(count=FETCHES, peer=PEER))
    return {"fetched": said.split()}


def http_server(scene: Scene) -> Results:
    """Python's own server in the guest: HTTP/1.0, a connection for each file."""
    nginx_in_guest(scene)
    url = f"http://{GUEST}:8000"
    with scene.guest_serves(8000, "python3", "-m", "http.server", "--directory", "/tmp/web/www"):
        return {"big": fetch(scene, f"{url}/big"),
                "small": fetch(scene, f"{url}/small?[1-{FETCHES}]")}


WORKLOADS = (
    Workload("nginx-ab", nginx_and_ab, ["nginx"]),
    Workload("nginx-curl", nginx_and_curl, ["nginx"]),
    Workload("curl", curl_in_guest, ["curl"]),
    Workload("http-server", http_server, ["/usr/bin/python3"],
             [sysconfig.get_path("stdlib", vars={"base": "/usr", "installed_base": "/usr"})],
             memory=768),
)
