use super::*;
use crate::diagnose::testing::{World, at};

fn limited(world: World) -> World {
    world.with(|w| {
        w.container().resources.memory_limit = Some(256 * MI);
        w.container().resources.memory_request = Some(128 * MI);
    })
}

#[test]
fn the_kubelets_word_is_certain() {
    let found = limited(World::new().crashed(137, "OOMKilled", 200)).diagnose();
    assert_eq!((found.reason, found.confidence), (Reason::MemoryLimitExceeded, Confidence::Certain));
    assert!(found.summary.contains("256Mi, 3 min 20 s after its start"), "{}", found.summary);
    let command = found.remediation[0].command.as_deref();
    assert_eq!(command, Some("kubectl -n shop set resources deployment/web -c app --limits=memory=384Mi"));
    assert!(found.evidence.iter().any(|e| e.detail.contains("OOMKilled")));
}

#[test]
fn a_childs_oom_shows_with_the_parents_exit_code() {
    let found = limited(World::new().crashed(9, "OOMKilled", 20)).diagnose();
    assert_eq!(found.reason, Reason::MemoryLimitExceeded);
    assert!(found.summary.contains("exited 9"), "{}", found.summary);
}

#[test]
fn a_sticky_oom_is_not_the_reason_of_a_graceful_stop() {
    let world = limited(World::new().crashed(143, "OOMKilled", 9000)).with(|w| w.pod().deleting = Some(at(8990)));
    assert!(world.examine(examine).is_empty());
}

#[test]
fn a_sigkill_with_a_limit_and_no_other_reason_is_possibly_memory() {
    let found = limited(World::new().crashed(137, "Error", 200)).diagnose();
    assert_eq!((found.reason, found.confidence), (Reason::MemoryLimitExceeded, Confidence::Possible));
    assert!(World::new().crashed(137, "Error", 200).examine(examine).is_empty());
}

#[test]
fn a_shell_tells_of_its_child() {
    for line in [
        "/start.sh: line 12:    34 Killed                  java -jar app.jar",
        "Killed",
        "[2026-01-01 10:00:00 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?",
        "LOG:  server process (PID 71) was terminated by signal 9: Killed",
        "[2026-01-01 10:00:00 +0000] [1] [WARNING] Worker with pid 8 was terminated due to signal 9",
        "child 17 died on SIGKILL, starting another",
    ] {
        let found = limited(World::new().crashed(137, "Error", 20).log(line)).examine(examine);
        assert_eq!((found[0].confidence, found[0].basis), (Confidence::Likely, Basis::Inferred), "{line}");
    }
}

#[test]
fn a_node_out_of_memory_is_not_the_containers_limit() {
    let world = limited(World::new().crashed(137, "Error", 20))
        .event("SystemOOM", "System OOM encountered, victim process: java, pid: 4711", 19)
        .with(|w| {
            let e = w.cluster.events.last_mut().expect("an event");
            (e.kind, e.object, e.uid, e.container) = ("Node".into(), "node-1".into(), "node-1".into(), None);
        });
    let found = world.diagnose();
    assert_eq!(found.reason, Reason::NodePressureEviction);
    assert_eq!(found.root_cause.map(|r| (r.kind, r.name)), Some(("Node".into(), "node-1".into())));
}

#[test]
fn other_signals_of_a_child_are_no_oom() {
    for line in
        ["Worker with pid 8 was terminated due to signal 15", "worker died on signal 99", "exited with 9 jobs left"]
    {
        let found = limited(World::new().crashed(1, "Error", 20).log(line)).examine(examine);
        assert!(found.is_empty(), "{line}");
    }
}

#[test]
fn the_pods_limit_is_raised_where_the_pod_has_it() {
    let world = World::new().crashed(137, "OOMKilled", 200).with(|w| w.pod().resources.memory_limit = Some(256 * MI));
    let found = world.diagnose();
    assert!(found.summary.contains("the pod's memory limit of 256Mi"), "{}", found.summary);
    let command = |found: &crate::diagnose::Diagnosis| found.remediation[0].command.clone().unwrap_or_default();
    assert!(
        command(&found).ends_with(r#"'{"spec":{"template":{"spec":{"resources":{"limits":{"memory":"384Mi"}}}}}}'"#),
        "{}",
        command(&found)
    );
    let both = limited(world).with(|w| w.pod().resources.memory_limit = Some(300 * MI)).diagnose();
    assert!(both.summary.contains("its memory limit of 256Mi"), "{}", both.summary);
    assert!(
        command(&both).contains(r#"{"resources":{"limits":{"memory":"428Mi"}},"containers":[{"name":"app","resources":{"limits":{"memory":"384Mi"}}}]}"#),
        "{}",
        command(&both)
    );
}

#[test]
fn a_sandbox_that_does_not_fit_into_the_limit() {
    let world = World::new().waiting("ContainerCreating", "").event("FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = … container init was OOM-killed (memory limit too low?)", 3)
        .with(|w| { w.container().resources.memory_limit = Some(2 * MI); w.cluster.events[0].container = None; });
    let found = world.diagnose();
    assert_eq!((found.reason, found.confidence), (Reason::MemoryLimitExceeded, Confidence::Certain));
    assert!(found.remediation[0].text.contains("unit"), "{:?}", found.remediation);
}

#[test]
fn workers_killed_one_after_the_other_make_a_probe_fail() {
    let probed = |log: &str| {
        limited(World::new().crashed(137, "Error", 200).log(log))
            .with(|w| w.container().liveness = Some(crate::diagnose::facts::Probe { period: 10, timeout: 5, failure_threshold: 3, ..Default::default() }))
            .event("Unhealthy", "Liveness probe failed: Get \"http://10.0.0.1:80/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)", 198)
            .event("Killing", "Container app failed liveness probe, will be restarted", 199)
            .diagnose()
            .reason
    };
    for line in [
        "DAMN ! worker 1 (pid: 12) died, killed by signal 9 :( trying respawn ...\nRespawned uWSGI worker 1 (new pid: 48)\n",
        "[alert] 1#1: worker process 31 exited on signal 9\n[notice] start worker process 32\n",
    ] {
        assert_eq!(probed(line), Reason::MemoryLimitExceeded, "{line}");
    }
    for line in [
        "[CRITICAL] WORKER TIMEOUT (pid:9)\n[ERROR] Worker (pid:9) was sent SIGKILL! Perhaps out of memory?\n",
        "HARAKIRI ON WORKER 1 (pid: 12, try: 1)\nDAMN ! worker 1 (pid: 12) died, killed by signal 9 :( trying respawn ...\n",
        "ready\nreceived SIGTERM, stopping\nchild 7 killed by signal 9\n",
    ] {
        assert_ne!(probed(line), Reason::MemoryLimitExceeded, "{line}");
    }
}

#[test]
fn a_tiny_limit_explains_starts_that_are_cut_short() {
    let tried = |limit: u64| {
        World::new()
            .waiting("ContainerCreating", "")
            .event(
                "FailedCreatePodSandBox",
                "Failed create pod sandbox: OCI runtime create failed: runc did not terminate sucessfully: unknown",
                3,
            )
            .with(|w| {
                w.container().resources.memory_limit = Some(limit);
                w.cluster.events[0].container = None;
            })
            .diagnose()
            .reason
    };
    assert_eq!(tried(4 * MI), Reason::MemoryLimitExceeded);
    assert_eq!(tried(400 * MI), Reason::SandboxFailed);
}
