use std::collections::BTreeMap;

use super::difference::differences;
use super::wants;
use crate::diagnose::facts::{
    ConfigObject, Container, EnvFrom, EnvVar, PastCrash, Pod, PodVolume, Probe, ProbeAction, State, VolumeSource,
    Workload, WorkloadFacts,
};
use crate::diagnose::testing::{World, at};
use crate::diagnose::wants::Want;
use crate::diagnose::{Diagnosis, Source};

fn named(kind: &str, name: &str) -> Workload {
    Workload { api_version: "apps/v1".into(), kind: kind.into(), name: name.into(), uid: None }
}

fn env(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), from: None }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// A ReplicaSet of Deployment web.
fn set(revision: i64, created: i64, ready: u32, change: impl FnOnce(&mut Container)) -> WorkloadFacts {
    let mut container =
        Container { name: "app".into(), image: "web:1.4".into(), env: vec![env("A", "1")], ..Container::default() };
    change(&mut container);
    WorkloadFacts {
        namespace: "shop".into(),
        workload: named("ReplicaSet", &format!("web-{revision}")),
        controller: Some(named("Deployment", "web")),
        replicas: Some(ready.max(1)),
        ready: Some(ready),
        created: Some(at(created)),
        revision: Some(revision),
        selector: labels(&[("app", "web"), ("pod-template-hash", "x")]),
        containers: vec![container],
        ..WorkloadFacts::default()
    }
}

/// Revision 7 has crashed from its start on; its ReplicaSet was made 130 s before.
fn world() -> World {
    World::new().crashed(1, "Error", 2).with(|w| {
        w.pod().controller = Some(named("ReplicaSet", "web-7"));
        w.pod().created = Some(at(-70));
        w.cluster.workloads = vec![
            set(7, -200, 0, |c| {
                c.image = "web:1.5".into();
                c.env = vec![env("B", "2")];
            }),
            set(6, -90_000, 2, |_| ()),
            set(5, -900_000, 0, |c| c.image = "web:1.3".into()),
        ];
        w.cluster.workloads[2].replicas = Some(0);
    })
}

fn commands(d: &Diagnosis) -> Vec<&str> {
    d.remediation.iter().filter_map(|r| r.command.as_deref()).filter(|c| c.contains("rollout undo")).collect()
}

#[test]
fn a_rollout_that_crashes_is_told_with_what_it_changed_and_the_way_back() {
    let d = world().diagnose();
    assert_eq!(
        d.change.as_deref(),
        Some(
            "revision 7 (2 min before the first crash) changed: image web:1.4 -> web:1.5; env A removed; env B added. Revision 6 still serves (2 ready pods)."
        )
    );
    assert_eq!(commands(&d), ["kubectl -n shop rollout undo deployment/web"]);
    assert!(d.remediation[0].command.as_deref().is_none_or(|c| !c.contains("undo")));
    assert!(d.summary.ends_with("It began with revision 7."), "{}", d.summary);
    let told: Vec<_> = d.evidence.iter().filter(|e| e.source == Source::Workload).map(|e| e.object.as_str()).collect();
    assert_eq!(told, ["replicaset shop/web-7", "replicaset shop/web-6"]);
}

#[test]
fn an_old_revision_that_begins_to_crash_is_no_rollout() {
    let old = world().with(|w| {
        w.cluster.workloads[0].created = Some(at(-90_000));
        w.cluster.workloads[0].ready = Some(1);
    });
    assert_eq!(old.diagnose().change, None);
}

#[test]
fn the_first_revision_has_nothing_to_compare_with() {
    let d = world().with(|w| w.cluster.workloads.truncate(1)).diagnose();
    assert_eq!((d.change, d.summary.contains("began")), (None, false));
}

#[test]
fn the_last_revision_that_serves_is_the_one_to_go_back_to() {
    let d = world()
        .with(|w| {
            w.cluster.workloads[1].ready = Some(0);
            w.cluster.workloads[2].ready = Some(3);
        })
        .diagnose();
    assert!(d.change.as_deref().is_some_and(|c| c.contains("image web:1.3 -> web:1.5")), "{:?}", d.change);
    assert_eq!(commands(&d), ["kubectl -n shop rollout undo deployment/web --to-revision=5"]);
}

#[test]
fn a_revision_without_pods_counts_as_well_unless_it_crashed() {
    let gone = world().with(|w| (w.cluster.workloads[1].ready, w.cluster.workloads[1].replicas) = (Some(0), Some(0)));
    let d = gone.diagnose();
    assert!(d.change.as_deref().is_some_and(|c| c.ends_with("Revision 6 ran before; no crash of it is known.")));
    assert_eq!(commands(&d).len(), 1);
    let crashed = gone.with(|w| {
        w.cluster.history = vec![PastCrash {
            finished: Some(at(-500)),
            pod: "web-6-x".into(),
            container: "app".into(),
            ..PastCrash::default()
        }];
    });
    assert_eq!(crashed.diagnose().change, None);
}

#[test]
fn a_rollout_that_was_replaced_needs_no_way_back() {
    let d = world().with(|w| w.cluster.workloads.push(set(8, -50, 1, |_| ()))).diagnose();
    assert!(d.change.as_deref().is_some_and(|c| c.ends_with("Revision 8 was rolled out since.")), "{:?}", d.change);
    assert!(commands(&d).is_empty());
}

#[test]
fn a_restart_changes_nothing_and_points_at_what_is_read() {
    let d = world().with(|w| w.cluster.workloads[0].containers = w.cluster.workloads[1].containers.clone()).diagnose();
    assert_eq!(d.change, None);
    assert!(d.evidence.iter().any(|e| e.detail.contains("a restart, so look at what they read")));
    assert!(commands(&d).is_empty());
}

/// A pod of revision 6, healthy, on the same node.
fn neighbour(w: &mut World) -> Pod {
    let mut pod = w.cluster.pods[0].clone();
    (pod.name, pod.uid) = ("web-6-a".into(), "p-6".into());
    pod.controller = Some(named("ReplicaSet", "web-6"));
    let c = &mut pod.containers[0];
    c.image = "web:1.4".into();
    (c.status.ready, c.status.restarts, c.status.last) = (true, 0, None);
    c.status.state = State::Running { since: Some(at(-80_000)) };
    pod
}

#[test]
fn a_healthy_pod_of_the_old_image_on_the_same_node_clears_the_node() {
    let says = |w: &World, text: &str| w.diagnose().evidence.iter().any(|e| e.detail.contains(text));
    let mut w = world();
    let pod = neighbour(&mut w);
    w.cluster.pods.push(pod);
    w.container().image = "web:1.5".into();
    assert!(says(&w, "healthy on the same node node-1, where image web:1.5 crashes: the revision, not the node"));
    w.cluster.workloads[0].containers[0].env = vec![env("A", "1")];
    assert!(says(&w, "the image, not the node"));
    w.cluster.pods[1].node = Some("node-2".into());
    assert!(!says(&w, "not the node"));
}

#[test]
fn another_build_under_the_same_tag_is_seen() {
    let mut w = world();
    let mut pod = neighbour(&mut w);
    pod.containers[0].status.image_id = "registry/web@sha256:aaaaaaaaaaaaaaaa".into();
    w.container().image = pod.containers[0].image.clone();
    w.container().status.image_id = "registry/web@sha256:bbbbbbbbbbbbbbbb".into();
    w.cluster.pods.push(pod);
    assert!(
        w.diagnose().evidence.iter().any(|e| e.detail.contains("sha256:bbbbbbbbbbbb here, sha256:aaaaaaaaaaaa there"))
    );
}

/// Pod db-2 of a StatefulSet in mid rollout.
fn stateful() -> World {
    let revision = |n: i64, image: &str, created: i64| WorkloadFacts {
        workload: named("ControllerRevision", &format!("db-hash{n}")),
        controller: Some(named("StatefulSet", "db")),
        template_hash: Some(format!("hash{n}")),
        replicas: None,
        ready: None,
        ..set(n, created, 0, |c| c.image = image.into())
    };
    World::new().crashed(1, "Error", 2).with(|w| {
        w.pod().workload = named("StatefulSet", "db");
        w.pod().controller = Some(named("StatefulSet", "db"));
        w.pod().revision = Some("db-hash3".into());
        w.pod().created = Some(at(-70));
        let owner = WorkloadFacts {
            namespace: "shop".into(),
            workload: named("StatefulSet", "db"),
            replicas: Some(3),
            ready: Some(2),
            updated: Some(1),
            generation: Some(4),
            selector: labels(&[("app", "db")]),
            ..WorkloadFacts::default()
        };
        w.cluster.workloads = vec![revision(3, "db:17", -75), revision(2, "db:16", -90_000), owner];
    })
}

#[test]
fn controller_revisions_tell_the_same_of_a_stateful_set() {
    let d = stateful().diagnose();
    assert_eq!(
        d.change.as_deref(),
        Some(
            "revision 3 (less than a minute before the first crash) changed: image db:16 -> db:17. Revision 2 still serves (at least 2 ready pods)."
        )
    );
    assert_eq!(commands(&d), ["kubectl -n shop rollout undo statefulset/db"]);
}

#[test]
fn revisions_are_asked_for_only_where_a_rollout_can_be_the_story() {
    let asked = |w: &World| wants(&w.case(), &w.diagnose());
    let list = |kind: &'static str, app: &str| Want::Labelled {
        kind,
        namespace: "shop".into(),
        labels: labels(&[("app", app)]),
    };
    assert_eq!(asked(&world()), [list("ReplicaSet", "web")]);
    assert_eq!(asked(&stateful()), [list("ControllerRevision", "db")]);
    let none = [
        world().with(|w| w.cluster.workloads[0].created = Some(at(-90_000))),
        world().with(|w| w.cluster.workloads[0].revision = Some(1)),
        world().with(|w| w.cluster.workloads[0].controller = None),
        world().with(|w| w.cluster.workloads.clear()),
        stateful().with(|w| w.cluster.workloads[2].generation = Some(1)),
        stateful().with(|w| w.pod().created = Some(at(-90_000))),
        World::new().crashed(1, "Error", 2),
    ];
    assert!(none.iter().all(|w| asked(w).is_empty()));
}

/// The container takes its environment from ConfigMap web-config, which changed `seconds` after the start of the world.
fn with_config(seconds: i64) -> World {
    World::new().crashed(1, "Error", 2).with(|w| {
        w.pod().created = Some(at(-90_000));
        w.container().env_from =
            vec![EnvFrom { kind: "ConfigMap".into(), name: "web-config".into(), ..EnvFrom::default() }];
        let past = |ended: i64, ran: i64| PastCrash {
            finished: Some(at(ended)),
            ran_for: Some(ran),
            pod: "web-1".into(),
            container: "app".into(),
            ..PastCrash::default()
        };
        w.cluster.history = vec![past(-60, 40_000), past(-30, 2)];
        w.cluster.configs.push(ConfigObject {
            kind: "ConfigMap".into(),
            namespace: "shop".into(),
            name: "web-config".into(),
            created: Some(at(-900_000)),
            changed: Some(at(seconds)),
            ..ConfigObject::default()
        });
    })
}

#[test]
fn a_config_map_that_changed_between_the_last_good_start_and_the_first_crash_is_told() {
    let d = with_config(-300).diagnose();
    assert_eq!(
        d.change.as_deref(),
        Some("ConfigMap web-config changed 4 min before the first crash, after the last good start.")
    );
    assert!(d.evidence.iter().any(|e| e.source == Source::Config && e.object == "configmap shop/web-config"));
    for other in [-20, -50_000] {
        assert_eq!(with_config(other).diagnose().change, None, "{other}");
    }
    let made = with_config(-300).with(|w| w.cluster.configs[0].created = Some(at(-300)));
    assert_eq!(made.diagnose().change, None);
    let unread = with_config(-300).with(|w| w.cluster.configs[0].name = "other".into());
    assert_eq!(unread.diagnose().change, None);
    assert_eq!(
        wants(&unread.case(), &unread.diagnose()),
        [Want::Object { kind: "ConfigMap", namespace: "shop".into(), name: "web-config".into() }]
    );
}

#[test]
fn a_config_map_that_changed_before_the_pod_was_replaced_is_told() {
    let replaced = |made: i64, crashed: Option<i64>| {
        let mut w = with_config(-300);
        w.pod().created = Some(at(-200));
        w.pod().controller = Some(Workload { kind: "StatefulSet".into(), name: "web".into(), ..Workload::default() });
        let set = WorkloadFacts {
            namespace: "shop".into(),
            workload: Workload { kind: "StatefulSet".into(), name: "web".into(), ..Workload::default() },
            created: Some(at(made)),
            ..WorkloadFacts::default()
        };
        w.cluster.workloads.push(set);
        w.container().status.restarts = 1;
        let past = |ended: i64| PastCrash {
            finished: Some(at(ended)),
            ran_for: Some(1),
            pod: "web-1".into(),
            container: "app".into(),
            ..PastCrash::default()
        };
        w.cluster.history = crashed.into_iter().chain([-190]).map(past).collect();
        w
    };
    let told = replaced(-90_000, None).diagnose().change;
    assert_eq!(told.as_deref(), Some("ConfigMap web-config changed 1 min before the first crash."));
    assert_eq!(replaced(-305, None).diagnose().change, None, "applied together");
    assert_eq!(replaced(-90_000, Some(-400)).diagnose().change, None, "it crashed before that");
}

#[test]
fn every_part_of_a_template_is_compared_and_values_are_not_shown() {
    let old = set(1, 0, 1, |c| {
        c.env = vec![env("TOKEN", "old-value"), env("SAME", "x")];
        c.resources.memory_limit = Some(512 << 20);
        c.liveness =
            Some(Probe { action: ProbeAction::Tcp { port: "80".into() }, timeout: 5, period: 10, ..Probe::default() });
    });
    let mut new = set(2, 0, 1, |c| {
        c.env = vec![env("TOKEN", "new-value"), env("SAME", "x")];
        c.command = vec!["/app".into(), "--fast".into()];
        c.resources.memory_limit = Some(256 << 20);
        c.liveness =
            Some(Probe { action: ProbeAction::Tcp { port: "80".into() }, timeout: 1, period: 10, ..Probe::default() });
        c.security.read_only_root = Some(true);
    });
    new.volumes =
        vec![PodVolume { name: "cache".into(), source: VolumeSource::EmptyDir { memory: true, size_limit: None } }];
    new.settings = labels(&[("service account", "web")]);
    new.containers.push(Container { name: "proxy".into(), ..Container::default() });
    assert_eq!(
        differences(&old, &new, "app"),
        [
            "app: command [/app --fast] added",
            "app: env TOKEN changed",
            "app: memory limit 512Mi -> 256Mi",
            "app: liveness probe timeout 5s -> 1s",
            "app: readOnlyRootFilesystem true added",
            "container proxy added",
            "volume cache (emptyDir in memory) added",
            "service account web added",
        ]
    );
    assert!(differences(&old, &old, "app").is_empty());
}
