"""A kubelet's door for logs: the API server asks it when somebody reads `pods/log`."""
import http.server
import os
import ssl
import subprocess
import threading
import urllib.parse


class Kubelet:
    """`logs[namespace, pod, container]` is what a container printed in its newest run, `earlier` in the one before."""

    def __init__(self, folder):
        self.logs, self.earlier = {}, {}
        certificate, key = os.path.join(folder, "fake-kubelet.crt"), os.path.join(folder, "fake-kubelet.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=kubelet", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        kubelet = self

        class Door(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                parts = path.strip("/").split("/")
                if parts[0] != "containerLogs" or len(parts) != 4:
                    return self.answer(404, b"not found")
                wanted = urllib.parse.parse_qs(query)
                slot = kubelet.earlier if wanted.get("previous") == ["true"] else kubelet.logs
                self.answer(200, slot.get(tuple(parts[1:]), "").encode())

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Door)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The handshake is made by the thread of the connection, not by the one that accepts.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
