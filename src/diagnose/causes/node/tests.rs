//! The workload's pods on several nodes.

use crate::diagnose::Reason;
use crate::diagnose::facts::State;
use crate::diagnose::testing::{World, at};

/// Pods `name@node`: `+` healthy, `-` crashing, of the same ReplicaSet as the one under test on `node-1`.
fn world(kind: &str, siblings: &[&str]) -> World {
    let mut world = World::new().crashed(1, "Error", 2);
    world.now = at(5000);
    world.pod().workload.kind = kind.into();
    let failing = world.pod().clone();
    for (i, text) in siblings.iter().enumerate() {
        let (state, node) = text.split_at(1);
        let mut pod = failing.clone();
        pod.name = format!("web-{}", i + 2);
        pod.uid = format!("p-{}", i + 2);
        pod.node = Some(node.into());
        if state == "+" {
            let status = &mut pod.containers[0].status;
            status.state = State::Running { since: Some(at(0)) };
            status.ready = true;
            status.restarts = 0;
            status.last = None;
        }
        world.cluster.pods.push(pod);
    }
    world
}

#[test]
fn the_split_decides() {
    for (kind, siblings, log, expected) in [
        ("Deployment", &["-node-1", "+node-2"][..], "", Reason::NodeFault),
        ("DaemonSet", &["+node-2", "+node-3"], "", Reason::NodeFault),
        // the very same image cannot lack a library on one node only
        (
            "DaemonSet",
            &["-node-4", "+node-2", "+node-3"],
            "Failed to initialize NVML: could not load NVML library.\n",
            Reason::NodeFault,
        ),
        // a node with both kinds is no explanation
        ("Deployment", &["-node-1", "+node-1", "+node-2"], "", Reason::UnknownError),
        ("Deployment", &["-node-2", "-node-3"], "", Reason::UnknownError),
        ("StatefulSet", &["+node-2", "+node-3"], "", Reason::UnknownError),
        // what the program says of its configuration stands
        (
            "Deployment",
            &["-node-1", "+node-2"],
            "FATAL: environment variable DB_URL is not set\n",
            Reason::MissingEnvironmentVariable,
        ),
    ] {
        let mut world = world(kind, siblings);
        if !log.is_empty() {
            world = world.log(log);
        }
        assert_eq!(world.diagnose().reason, expected, "{kind} {siblings:?} {log}");
    }
}

#[test]
fn counts_and_nodes_are_told() {
    let found = world("Deployment", &["-node-1", "-node-4", "+node-2", "+node-3"]).diagnose();
    assert!(
        found.summary.contains(
            "3 of 5 pods crash, all on node-1 and 1 more node; the same revision is healthy on node-2, node-3"
        ),
        "{}",
        found.summary
    );
    assert_eq!(found.root_cause.map(|r| (r.kind, r.name)), Some(("Node".into(), "node-1".into())));
    assert!(
        found.remediation.iter().any(|r| r.command.as_deref().is_some_and(|c| c.starts_with("kubectl cordon node-1")))
    );
}

#[test]
fn another_revision_or_a_changed_configmap_is_no_sibling() {
    let other = world("Deployment", &["-node-1", "+node-2"]).with(|w| w.cluster.pods[2].revision = Some("old".into()));
    assert_eq!(other.diagnose().reason, Reason::UnknownError);
    let changed = world("Deployment", &["-node-1", "+node-2"]).with(|w| {
        w.container().env_from = vec![crate::diagnose::facts::EnvFrom {
            kind: "ConfigMap".into(),
            name: "app".into(),
            ..Default::default()
        }];
        w.cluster.configs.push(crate::diagnose::facts::ConfigObject {
            kind: "ConfigMap".into(),
            namespace: "shop".into(),
            name: "app".into(),
            changed: Some(at(100)),
            ..Default::default()
        });
    });
    assert_eq!(changed.diagnose().reason, Reason::UnknownError);
}
