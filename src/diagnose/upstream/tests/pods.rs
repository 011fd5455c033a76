//! The guide's worked example, and what may be wrong with the pods behind a Service.

use super::*;

const NO_ADDRESS: &str = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"0\": plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container";

fn node(name: &str, condition: Condition) -> Node {
    Node { name: name.into(), conditions: vec![condition], ..Node::default() }
}

/// Ready, `since` that second, after a crash that came one second after its start.
fn between_crashes(pod: Pod, since: i64) -> Pod {
    let mut pod = crashing(pod, 1, "Error");
    pod.conditions = vec![condition("Ready", "True", since, "")];
    let status = &mut pod.containers[0].status;
    status.ready = true;
    status.state = State::Running { since: Some(at(since)) };
    let end = status.last.as_mut().unwrap();
    (end.started, end.finished) = (Some(at(since - 3)), Some(at(since - 2)));
    pod
}

/// Placed on its node, but its sandbox cannot be made.
fn no_address(pod: Pod) -> Pod {
    let mut pod = waiting(pod, "ContainerCreating", "");
    pod.ips.clear();
    pod
}

#[test]
fn the_worked_example_of_the_guide() {
    let world = web("2024-01-15 10:00:00 [INFO] web server starting on :8080\n2024-01-15 10:00:01 [INFO] connecting to database at postgres:5432\n2024-01-15 10:00:02 [ERROR] failed to connect: dial tcp 10.96.0.42:5432: connect: connection refused\n2024-01-15 10:00:02 [FATAL] exiting\n")
        .svc(postgres())
        .pods(&[pod("postgres-1", "app=postgres"), unscheduled(pod("postgres-2", "app=postgres"), NO_ROOM)]);
    let found = world.diagnose();
    assert_eq!(root(&found), "Pod shop/postgres-2");
    let root = found.root_cause.as_ref().expect("a root");
    assert_eq!(root.summary, "cannot be scheduled (0/3 nodes: 1 untolerated taint dedicated=db, 2 Insufficient cpu)");
    assert_eq!(root.workload.as_ref().map(|w| w.name.as_str()), Some("postgres"));
    assert!(
        found.summary.contains("1 of 2 pods behind Service postgres is not ready: pod postgres-2 cannot be scheduled"),
        "{}",
        found.summary
    );
    assert!(found.remediation[0].text.contains("add a node"), "{:?}", found.remediation);
    assert!(
        found
            .evidence
            .iter()
            .any(|e| e.object == "pod shop/postgres-2" && e.detail.contains("untolerated taint {dedicated: db}"))
    );
}

#[test]
fn pods_behind_a_service() {
    check(vec![
        (
            "no room anywhere",
            web(REFUSED).svc(postgres()).pods(&[unscheduled(pod("postgres-0", "app=postgres"), NO_ROOM)]),
            "Pod shop/postgres-0",
            "has no ready endpoint: pod postgres-0 cannot be scheduled (0/3 nodes: 1 untolerated taint dedicated=db, 2 Insufficient cpu)",
        ),
        (
            "crashes itself",
            web("Error: connect ECONNREFUSED redis:6379\n    at x (net.js:1)\n")
                .svc(service("redis", "10.96.0.9", "app=redis", 6379))
                .pods(&[crashing(pod("redis-0", "app=redis"), 1, "Error")])
                .with(|w| w.cluster.logs.push(log_of("redis-0", LogSlot::Previous, "*** FATAL CONFIG FILE ERROR (Redis 7.2) ***\nReading the configuration file, at line 3\n>>> 'maxmemry 1gb'\nBad directive or wrong number of arguments\n"))),
            "Pod shop/redis-0",
            "pod redis-0 crashes itself: Exits 1 after 1 s",
        ),
        (
            "crashes itself, and is called ready in between",
            web(REFUSED).svc(postgres()).pods(&[between_crashes(pod("postgres-0", "app=postgres"), -6)]),
            "Pod shop/postgres-0",
            "keeps crashing itself",
        ),
        (
            "crashed once, long before",
            web(REFUSED).svc(postgres()).pods(&[between_crashes(pod("postgres-0", "app=postgres"), -90)]),
            "-",
            "cannot reach",
        ),
        (
            "killed for memory",
            web(REFUSED).svc(postgres()).pods(&[crashing(pod("postgres-0", "app=postgres"), 137, "OOMKilled")]),
            "Pod shop/postgres-0",
            "crashes itself: ",
        ),
    ]);
}

#[test]
fn pods_behind_a_service_in_other_states() {
    check(vec![
        (
            "image cannot be pulled",
            web(REFUSED).svc(postgres()).pods(&[waiting(pod("postgres-0", "app=postgres"), "ImagePullBackOff", "Back-off pulling image \"postgres:99\": ErrImagePull: failed to resolve reference \"docker.io/library/postgres:99\": not found")]),
            "Pod shop/postgres-0",
            "cannot start (ImagePullBackOff)",
        ),
        (
            "runs but is not ready",
            web(REFUSED).svc(postgres()).pods(&[unready(pod("postgres-0", "app=postgres"))]).with(|w| {
                w.cluster.events.push(warning("postgres-0", "Unhealthy", "Readiness probe failed: /var/run/postgresql:5432 - no response"));
            }),
            "Pod shop/postgres-0",
            "runs but is not ready: Readiness probe failed: /var/run/postgresql:5432 - no response",
        ),
        (
            "ready only after the crash",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]).with(|w| {
                w.cluster.pods[1].conditions = vec![condition("Ready", "True", 9, "")];
            }),
            "Pod shop/postgres-0",
            "was not ready then; it became ready 7 s after",
        ),
        (
            "its Secret is missing: the deepest object that evidence reaches",
            web(REFUSED).svc(postgres()).pods(&[waiting(pod("postgres-0", "app=postgres"), "CreateContainerConfigError", "secret \"pg-password\" not found")]),
            "Secret shop/pg-password",
            "pod postgres-0 cannot start (CreateContainerConfigError)",
        ),
        (
            "its node is gone",
            web("dial tcp 10.96.0.42:5432: i/o timeout\n").svc(postgres()).pods(&[unready(pod("postgres-0", "app=postgres"))]).with(|w| {
                w.cluster.nodes.push(node("node-2", condition("Ready", "Unknown", -300, "Kubelet stopped posting node status.")));
            }),
            "Node /node-2",
            "pod postgres-0 is on node node-2, which is not ready (Ready Unknown: Kubelet stopped posting node status.)",
        ),
        (
            "its node has no address for it: shown by this pod's sandbox alone",
            web(REFUSED).svc(postgres()).pods(&[no_address(pod("postgres-0", "app=postgres"))]).with(|w| {
                w.cluster.events.push(warning("postgres-0", "FailedCreatePodSandBox", NO_ADDRESS));
                w.cluster.nodes.push(node("node-2", condition("Ready", "True", -9000, "kubelet is posting ready status")));
            }),
            "Pod shop/postgres-0",
            "pod postgres-0 cannot start",
        ),
        (
            "its node says itself that it has no network",
            web(REFUSED).svc(postgres()).pods(&[no_address(pod("postgres-0", "app=postgres"))]).with(|w| {
                w.cluster.events.push(warning("postgres-0", "FailedCreatePodSandBox", NO_ADDRESS));
                w.cluster.nodes.push(node("node-2", condition("NetworkUnavailable", "True", -300, "no route")));
            }),
            "Node /node-2",
            "pod postgres-0 cannot start",
        ),
        (
            "healthy peer: nobody to blame",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]),
            "-",
            "cannot reach 10.96.0.42:5432",
        ),
        (
            "a failing rollout of the peer leaves the old revision serving",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres"), crashing(pod("postgres-1", "app=postgres"), 1, "Error")]).with(|w| {
                w.cluster.pods[1].revision = Some("a".into());
                w.cluster.pods[2].revision = Some("b".into());
            }),
            "-",
            "cannot reach",
        ),
        (
            "something else is wrong with the program",
            web("Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in <module>\nKeyError: 'x'\n")
                .svc(postgres())
                .pods(&[unscheduled(pod("postgres-0", "app=postgres"), NO_ROOM)]),
            "-",
            "KeyError",
        ),
    ]);
}
