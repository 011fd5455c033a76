//! Speed of the engine: one diagnosis, one MiB of log read, one MiB redacted. `make bench`.
//!
//! Targets: a diagnosis within 1 ms (median), a log at 100 MiB/s or more on one core.

#![allow(missing_docs, reason = "a benchmark")]

use std::fmt::Write;

use crash_diagnosis::diagnose::facts::{Cluster, LogSlot};
use crash_diagnosis::diagnose::{Case, diagnose, log};
use crash_diagnosis::evidence::{ClusterBuilder, LogKey, redact};
use divan::Bencher;
use divan::counter::BytesCount;
use serde_json::json;

const MIB: usize = 1 << 20;

fn main() {
    divan::main();
}

/// What a service writes before it ends: plain, JSON, logfmt and klog lines, some of them complaints that were survived.
fn service_log(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 512);
    let mut n = 0_u32;
    while text.len() < bytes {
        n += 1;
        let (h, m, s) = (n / 3600 % 24, n / 60 % 60, n % 60);
        let line = match n % 10 {
            0 => format!(
                "2026-01-05T{h:02}:{m:02}:{s:02}.120Z WARN  pool-{n} connection to db:5432 failed, retrying in 2s (attempt 3)"
            ),
            1 | 2 => format!(
                r#"{{"level":"info","ts":"2026-01-05T{h:02}:{m:02}:{s:02}Z","logger":"http","msg":"request served","path":"/api/orders/{n}","status":200,"latency_ms":12.7,"request_id":"7f9c{n:08x}"}}"#
            ),
            3 | 4 => format!(
                "time=2026-01-05T{h:02}:{m:02}:{s:02}Z level=info msg=\"cache refreshed\" key=orders:{n} entries=1204 took=31ms"
            ),
            5 => format!(
                "I0105 {h:02}:{m:02}:{s:02}.000123       1 controller.go:214] \"Reconciled\" object=\"shop/order-{n}\" generation={n}"
            ),
            6 => format!(
                "10.244.1.{} - - [05/Jan/2026:{h:02}:{m:02}:{s:02} +0000] \"GET /healthz HTTP/1.1\" 200 2 \"-\" \"kube-probe/1.31\"",
                n % 250
            ),
            _ => format!(
                "2026-01-05 {h:02}:{m:02}:{s:02},481 INFO  [worker-{}] com.example.shop.OrderService - processed batch {n} with 128 items in 44 ms",
                n % 16
            ),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

const PANIC: &str = "panic: runtime error: invalid memory address or nil pointer dereference\n\
    [signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x4a7f21]\n\n\
    goroutine 1 [running]:\nmain.(*Server).Start(0x0)\n\t/src/server.go:88 +0x21\nmain.main()\n\t/src/main.go:23 +0x4d\nexit status 2\n";

/// A crashing pod with its events and the end of its log, as the operator collects it.
fn cluster(log: &str) -> Cluster {
    let mut builder = ClusterBuilder::new();
    let end = json!({"exitCode": 2, "reason": "Error", "startedAt": "2026-01-05T10:00:00Z", "finishedAt": "2026-01-05T10:00:20Z",
        "containerID": "containerd://aa"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-5d4f8c7b9-x2x4k", "namespace": "shop", "uid": "p1", "resourceVersion": "1", "labels": {"app": "web"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c7b9", "uid": "r1", "controller": true}]},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "shop/web:1.4.2", "args": ["--config=/etc/app/config.yaml"],
            "env": [{"name": "DB_HOST", "value": "db"}], "resources": {"limits": {"memory": "256Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}}}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "shop/web:1.4.2", "imageID": "", "ready": false,
            "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
            "lastState": {"terminated": end}}]}});
    builder.add_object(pod, "bench");
    for (n, (reason, message)) in [
        ("Scheduled", "Successfully assigned"),
        ("Pulled", "Container image already present"),
        ("BackOff", "Back-off restarting failed container"),
    ]
    .into_iter()
    .enumerate()
    {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("e{n}"), "namespace": "shop"},
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-5d4f8c7b9-x2x4k", "uid": "p1"}, "type": "Normal",
            "reason": reason, "message": message, "count": 3, "firstTimestamp": "2026-01-05T10:00:00Z", "lastTimestamp": "2026-01-05T10:00:21Z"});
        builder.add_object(event, "bench");
    }
    let key = LogKey {
        namespace: "shop".into(),
        pod: "web-5d4f8c7b9-x2x4k".into(),
        container: "app".into(),
        slot: LogSlot::Previous,
    };
    builder.add_log(key, log.as_bytes(), false);
    builder.finish()
}

/// One container, with the 1000 log lines that the operator asks for (100 KiB) or a short log.
#[divan::bench(args = [2, 20, 100])]
fn diagnose_one_case(bencher: Bencher, log_kib: usize) {
    let log = service_log(log_kib * 1024) + PANIC;
    let cluster = cluster(&log);
    let pod = &cluster.pods[0];
    let now = "2026-01-05T10:00:25Z".parse().expect("a time");
    bencher.bench_local(|| diagnose(&Case::new(divan::black_box(&cluster), pod, &pod.containers[0], now)).reason);
}

#[divan::bench]
fn analyse_a_mebibyte_of_log(bencher: Bencher) {
    let log = service_log(MIB) + PANIC;
    bencher.counter(BytesCount::new(log.len())).bench_local(|| log::analyse(divan::black_box(&log)).failures.len());
}

/// No failure in it at all: what has to be read to say so.
#[divan::bench]
fn analyse_a_mebibyte_of_quiet_log(bencher: Bencher) {
    let log: String =
        service_log(MIB * 10 / 9).lines().filter(|l| !l.contains("WARN")).flat_map(|l| [l, "\n"]).collect();
    bencher.counter(BytesCount::new(log.len())).bench_local(|| log::analyse(divan::black_box(&log)).failures.len());
}

#[divan::bench]
fn redact_a_mebibyte(bencher: Bencher) {
    let mut log = service_log(MIB);
    for n in 0..100 {
        let _ = writeln!(log, "dialing postgres://app:s3cr{n}t@db:5432/orders with token=abc{n}def0123456789");
    }
    bencher.counter(BytesCount::new(log.len())).bench_local(|| redact::redact(divan::black_box(&log)).len());
}
