use super::*;
use crate::diagnose::facts::{Condition, Event, Mount, PodVolume, RestartRule, VolumeSource, Workload, WorkloadFacts};
use crate::diagnose::testing::{World, at};

fn triggers(w: &World) -> Vec<(String, Trigger)> {
    notice(&w.cluster.pods[0], &w.cluster, w.now, &Policy::default())
        .into_iter()
        .map(|n| (n.container, n.trigger))
        .collect()
}

fn is_quiet(w: &World) -> bool {
    triggers(w).is_empty()
}

/// How many are noticed in files.
fn offline(w: &World) -> usize {
    notice(&w.cluster.pods[0], &w.cluster, w.now, &Policy::offline()).len()
}

fn ended(exit_code: i32, reason: &str, finished: i64) -> Terminated {
    Terminated {
        exit_code,
        reason: reason.into(),
        started: Some(at(finished - 10)),
        finished: Some(at(finished)),
        ..Terminated::default()
    }
}

/// Running since `since`, after such an end just before.
fn restarted(exit_code: i32, reason: &str, since: i64, now: i64) -> World {
    World::new().with(|w| {
        w.now = at(now);
        let s = &mut w.container().status;
        s.restarts = 2;
        s.last = Some(ended(exit_code, reason, since - 1));
        s.state = State::Running { since: Some(at(since)) };
    })
}

#[test]
fn a_healthy_pod_is_quiet() {
    assert!(is_quiet(&World::new()));
}

#[test]
fn back_off_and_terminated_are_noticed() {
    assert_eq!(triggers(&World::new().crashed(1, "Error", 5)), [("app".to_owned(), Trigger::BackOff)]);
    let w = World::new().with(|w| w.container().status.state = State::Terminated(ended(1, "Error", 5)));
    assert_eq!(triggers(&w), [("app".to_owned(), Trigger::Terminated)]);
}

#[test]
fn exit_zero_is_a_crash_only_where_it_must_keep_running() {
    let done = |policy| {
        World::new().policy(policy).with(|w| w.container().status.state = State::Terminated(ended(0, "Completed", 5)))
    };
    assert!(!is_quiet(&done(RestartPolicy::Always)));
    assert!(is_quiet(&done(RestartPolicy::OnFailure)));
    let init = done(RestartPolicy::Always).with(|w| w.container().kind = ContainerKind::Init);
    assert!(is_quiet(&init));
}

#[test]
fn a_restart_counts_until_it_is_stable() {
    assert!(!is_quiet(&restarted(1, "Error", 100, 160)));
    assert!(!is_quiet(&restarted(137, "OOMKilled", 100, 700)));
    assert!(is_quiet(&restarted(1, "Error", 100, 701)));
}

#[test]
fn a_reboot_that_healed_is_none() {
    assert!(is_quiet(&restarted(255, "Unknown", 100, 160)));
    let w = restarted(137, "Error", 100, 160).event(
        "SandboxChanged",
        "Pod sandbox changed, it will be killed and re-created.",
        102,
    );
    assert!(is_quiet(&w));
}

#[test]
fn owners_can_say_no() {
    let with = |name: &str, value: &str| {
        let (name, value) = (format!("crashdiagnosis.dev/{name}"), value.to_owned());
        World::new().crashed(143, "Error", 5).with(move |w| {
            w.pod().annotations.insert(name, value);
        })
    };
    assert!(is_quiet(&with("ignore", "true")));
    assert!(is_quiet(&with("expected-exit-codes", "0, 143")));
    assert!(!is_quiet(&with("expected-exit-codes", "0, 1")));
    assert!(is_quiet(&with("mute-until", "2030-01-01T00:00:00Z")));
    assert!(!is_quiet(&with("mute-until", "2020-01-01T00:00:00Z")));
}

#[test]
fn deletion_and_completion_are_no_crashes() {
    assert!(is_quiet(&World::new().crashed(143, "Error", 5).with(|w| w.pod().deleting = Some(at(6)))));
    assert!(is_quiet(&World::new().crashed(137, "Error", 5).with(|w| w.pod().phase = "Succeeded".into())));
}

#[test]
fn every_reason_of_a_container_that_cannot_start() {
    // The last one is not in the table: kubelets of other versions have more, which end alike.
    for reason in CANNOT_START.iter().chain(&["RunInitContainerError"]) {
        let w = World::new().waiting(reason, "some words").with(|w| w.pod().start_time = Some(at(0)));
        assert_eq!(triggers(&w), [("app".to_owned(), Trigger::CannotStart)], "{reason}");
    }
    let young = World::new().waiting("CreateContainerConfigError", "configmap \"c\" not found");
    assert!(is_quiet(&young.with(|w| w.pod().start_time = Some(at(55)))));
    let passing = World::new()
        .waiting("CreateContainerConfigError", "failed to sync configmap cache: timed out waiting for the condition");
    assert!(is_quiet(&passing));
}

fn failed_pod(reason: Option<&str>) -> World {
    World::new().policy(RestartPolicy::Never).with(|w| {
        w.pod().phase = "Failed".into();
        w.pod().reason = reason.map(str::to_owned);
        w.container().status.state = State::Terminated(ended(1, "Error", 5));
    })
}

#[test]
fn a_failed_pod_is_noticed_unless_made_good() {
    assert_eq!(triggers(&failed_pod(None)), [("app".to_owned(), Trigger::PodFailed)]);
    assert_eq!(triggers(&failed_pod(Some("Evicted"))).len(), 1);
    let job = Workload { api_version: "batch/v1".into(), kind: "Job".into(), name: "j".into(), uid: None };
    let complete = Condition { kind: "Complete".into(), status: "True".into(), ..Condition::default() };
    let w = failed_pod(None).with(|w| {
        w.pod().controller = Some(job.clone());
        let facts = WorkloadFacts {
            namespace: "shop".into(),
            workload: job,
            conditions: vec![complete],
            ..WorkloadFacts::default()
        };
        w.cluster.workloads.push(facts);
    });
    assert!(is_quiet(&w));
}

#[test]
fn a_failed_main_container_is_blamed_and_not_its_sidecar() {
    let w = failed_pod(None).with(|w| {
        let mut sidecar = w.container().clone();
        sidecar.name = "proxy".into();
        sidecar.kind = ContainerKind::Sidecar;
        w.pod().containers.insert(0, sidecar);
    });
    assert_eq!(triggers(&w), [("app".to_owned(), Trigger::PodFailed)]);
}

fn creating() -> World {
    World::new().waiting("ContainerCreating", "").with(|w| {
        w.now = at(300);
        w.pod().volumes = vec![PodVolume { name: "conf".into(), source: VolumeSource::Unknown }];
        let mut second = w.container().clone();
        second.name = "second".into();
        second.mounts = vec![Mount { volume: "conf".into(), path: "/c".into(), ..Mount::default() }];
        w.pod().containers.push(second);
    })
}

/// A kubelet event on the pod, not on a container.
fn pod_event(w: World, reason: &str, message: &str, seconds: i64) -> World {
    w.event(reason, message, seconds).with(|w| {
        if let Some(Event { container, .. }) = w.cluster.events.last_mut() {
            *container = None;
        }
    })
}

#[test]
fn a_stuck_volume_names_the_containers_that_mount_it() {
    let failure = "MountVolume.SetUp failed for volume \"conf\" : configmap \"c\" not found";
    let w = pod_event(creating(), "FailedMount", failure, 100);
    assert_eq!(triggers(&w), [("second".to_owned(), Trigger::Stuck)]);
    assert!(is_quiet(&pod_event(creating(), "FailedMount", failure, 290)), "within the grace time");
    assert!(is_quiet(&pod_event(w, "Pulling", "Pulling image", 200)), "it moved on");
    let passing = "MountVolume.SetUp failed for volume \"conf\" : failed to sync configmap cache: timed out waiting for the condition";
    assert!(is_quiet(&pod_event(creating(), "FailedMount", passing, 100)));
}

#[test]
fn a_stuck_sandbox_names_the_main_container() {
    let w = pod_event(creating(), "FailedCreatePodSandBox", "Failed to create pod sandbox: rpc error", 100);
    assert_eq!(triggers(&w), [("app".to_owned(), Trigger::Stuck)]);
    assert!(is_quiet(&creating()), "an image that is being pulled");
}

#[test]
fn scheduling_counts_only_where_a_claim_is_the_reason() {
    let held = |message: &str| {
        let condition = Condition {
            kind: "PodScheduled".into(),
            status: "False".into(),
            message: Some(message.into()),
            ..Condition::default()
        };
        creating().with(move |w| {
            w.pod().node = None;
            w.pod().conditions.push(condition);
            w.pod().volumes[0].source = VolumeSource::Claim { name: "data".into(), read_only: false };
        })
    };
    assert_eq!(
        triggers(&held("0/1 nodes are available: persistentvolumeclaim \"data\" not found. not found")),
        [("second".to_owned(), Trigger::Stuck)]
    );
    assert!(is_quiet(&held("0/3 nodes are available: 3 Insufficient cpu.")));
}

#[test]
fn a_slow_loop_counts_in_files_only() {
    let w = restarted(137, "OOMKilled", 20_000, 22_000).with(|w| {
        if let Some(end) = &mut w.container().status.last {
            end.started = Some(at(100));
        }
    });
    assert!(is_quiet(&w));
    assert_eq!(offline(&w), 1);
    assert_eq!(offline(&w.with(|w| w.now = at(40_000))), 0, "it has run for longer than before");
}

#[test]
fn runs_of_unequal_length_are_a_loop_as_well() {
    // Ended after 10 s, now running for 15 min; thirty restarts in ten hours.
    let often = || restarted(1, "Error", 36_000, 36_900).with(|w| w.container().status.restarts = 30);
    assert_eq!(offline(&often()), 1);
    assert_eq!(offline(&often().with(|w| w.container().status.restarts = 3)), 1);
    assert_eq!(offline(&often().with(|w| w.now = at(40_000))), 0, "for longer than twice the usual time");
    let rare = often().with(|w| w.pod().created = Some(at(-100 * 86_400)));
    assert_eq!(offline(&rare), 0, "upgrades of the node, days apart");
}

#[test]
fn what_a_restart_rule_asks_for_is_no_crash() {
    let world = |code, rule: RestartRule| {
        restarted(code, "Error", 150, 160).with(|w| {
            w.pod().restart_policy = RestartPolicy::Never;
            w.container().restart_rules = vec![rule];
        })
    };
    let only = RestartRule { not_in: false, codes: vec![42] };
    assert!(is_quiet(&world(42, only.clone())));
    assert!(!is_quiet(&world(1, only)));
    assert!(!is_quiet(&world(1, RestartRule { not_in: true, codes: vec![0] })));
    assert!(is_quiet(&restarted(137, "RestartingAllContainers", 150, 160)));
}

#[test]
fn a_trouble_of_the_start_that_is_over() {
    let late = || restarted(1, "Error", 30, 300);
    assert_eq!(offline(&late()), 0);
    assert!(!is_quiet(&late()), "live it is followed until it is stable");
    assert_eq!(offline(&late().with(|w| w.container().status.ready = false)), 1);
    assert_eq!(offline(&late().with(|w| w.now = at(90))), 1);
}

#[test]
fn a_node_that_reboots_again_and_again_is_a_fault() {
    let reboots =
        |restarts| restarted(255, "Unknown", 36_000, 36_100).with(move |w| w.container().status.restarts = restarts);
    assert!(is_quiet(&reboots(1)));
    assert!(!is_quiet(&reboots(12)));
}

#[test]
fn restarts_without_an_end_count_by_their_events() {
    let bare = || {
        restarted(1, "Error", 100, 160).with(|w| {
            let s = &mut w.container().status;
            (s.last, s.ready) = (None, false);
        })
    };
    assert!(is_quiet(&bare()));
    let killed = bare().event("Killing", "Container app failed liveness probe, will be restarted", 95);
    assert_eq!(triggers(&killed), [("app".to_owned(), Trigger::Restarted)]);
}

#[test]
fn a_loop_that_hangs_in_deletion_is_told_in_files() {
    let w = World::new().crashed(1, "Error", 5).with(|w| w.pod().deleting = Some(at(40)));
    assert!(is_quiet(&w));
    assert_eq!(offline(&w), 1);
}

#[test]
fn a_deadline_during_an_init_container_is_the_init_containers() {
    let w = failed_pod(Some("DeadlineExceeded")).with(|w| {
        w.container().kind = ContainerKind::Init;
        let mut main = w.container().clone();
        (main.name, main.kind) = ("main".into(), ContainerKind::Regular);
        main.status.state = State::Waiting { reason: "PodInitializing".into(), message: String::new() };
        w.pod().containers.push(main);
    });
    assert_eq!(triggers(&w), [("app".to_owned(), Trigger::PodFailed)]);
}

#[test]
fn a_change_of_the_spec_is_none() {
    assert!(is_quiet(&restarted(143, "Error", 100, 160).event(
        "Killing",
        "Container app definition changed, will be restarted",
        98
    )));
}

#[test]
fn one_orderly_restart_is_somebodys_wish() {
    let once = |code| restarted(code, "Error", 100, 160).with(|w| w.container().status.restarts = 1);
    assert!(is_quiet(&once(143)));
    assert!(!is_quiet(&once(1)));
    assert!(!is_quiet(&once(143).event("Killing", "Container app failed liveness probe, will be restarted", 95)));
}

#[test]
fn a_trouble_of_the_start_is_over_once_it_is_well_past_the_place_where_it_died() {
    // Crashed at 100 after `before` seconds, runs and is ready since 110.
    let world = |before: i64, now: i64| {
        let mut w = World::new().crashed(1, "Error", before).with(|w| {
            w.container().status.state = State::Running { since: Some(at(110)) };
            w.container().status.ready = true;
            w.container().status.restarts = 2;
        });
        w.now = at(now);
        w
    };
    for (before, running, seen) in
        [(2, 30, 1), (2, 59, 1), (2, 61, 0), (50, 119, 1), (50, 160, 0), (6, 61, 0), (7, 61, 1)]
    {
        let w = world(before, 110 + running);
        assert_eq!(offline(&w), seen, "ran {before} s, then {running} s");
        let live = notice(&w.cluster.pods[0], &w.cluster, w.now, &Policy::default());
        assert_eq!(live.len(), 1, "live it crashes until `resolve-after` is over");
    }
}

#[test]
fn what_must_run_for_ever_and_succeeded_was_evicted_where_the_event_says_so() {
    let world = |evicted: bool| {
        let w = World::new().with(|w| {
            w.pod().phase = "Succeeded".into();
            w.pod().restart_policy = RestartPolicy::Always;
            w.container().status.state = State::Terminated(Terminated { exit_code: 0, ..Terminated::default() });
        });
        if evicted {
            w.event("Evicted", "Usage of EmptyDir volume \"cache\" exceeds the limit \"8Mi\". ", 5)
        } else {
            w
        }
    };
    let noticed = |w: &World| notice(&w.cluster.pods[0], &w.cluster, w.now, &Policy::default()).len();
    assert_eq!((noticed(&world(true)), noticed(&world(false))), (1, 0));
}

#[test]
fn completed_because_its_probe_killed_it() {
    let world = |message: &str| {
        World::new().event("Killing", message, 60).with(|w| {
            w.pod().phase = "Succeeded".into();
            w.pod().restart_policy = RestartPolicy::OnFailure;
            let end = Terminated { exit_code: 0, finished: Some(at(61)), ..Terminated::default() };
            w.container().status.state = State::Terminated(end);
        })
    };
    let noticed = |m: &str| notice(&world(m).cluster.pods[0], &world(m).cluster, at(70), &Policy::default()).len();
    assert_eq!(noticed("Container app failed liveness probe, will be restarted"), 1);
    assert_eq!(noticed("Stopping container app"), 0);
}

#[test]
fn what_was_replaced_long_ago_is_told_in_files_only() {
    let world = |now: i64| {
        let mut w = World::new().crashed(137, "Error", 90).with(|w| {
            let pod = w.pod();
            (pod.phase, pod.reason) = ("Failed".into(), Some("Evicted".into()));
            pod.controller = Some(Workload { kind: "ReplicaSet".into(), name: "web-1".into(), ..Workload::default() });
            let status = &mut w.container().status;
            status.state = State::Terminated(status.last.take().unwrap());
        });
        w.now = at(now);
        w
    };
    assert!(!is_quiet(&world(300)));
    assert!(is_quiet(&world(2000)));
    assert_eq!(offline(&world(2000)), 1);
    assert!(!is_quiet(&world(2000).policy(RestartPolicy::Never)), "nobody makes another");
}
