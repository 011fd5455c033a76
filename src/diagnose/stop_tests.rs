use super::*;
use crate::diagnose::facts::ProbeAction;
use crate::diagnose::testing::World;

fn probed(world: World) -> World {
    world.with(|w| {
        w.container().liveness = Some(Probe {
            action: ProbeAction::Tcp { port: "8080".into() },
            initial_delay: 10,
            period: 10,
            timeout: 1,
            failure_threshold: 3,
            success_threshold: 1,
            grace: None,
        });
    })
}

const FAILED: &str = "Liveness probe failed: dial tcp 10.0.0.1:8080: connect: connection refused\n";
const KILLED: &str = "Container app failed liveness probe, will be restarted";

#[test]
fn a_kill_in_the_run_is_tied_to_it() {
    let world =
        probed(World::new().crashed(137, "Error", 62).event("Unhealthy", FAILED, 32).event("Killing", KILLED, 32));
    let case = world.case();
    let kill = probe_kill(&case).expect("a kill");
    assert_eq!((kill.kind, kill.after), (ProbeKind::Liveness, Some(32)));
    assert_eq!(kill.text(), "dial tcp 10.0.0.1:8080: connect: connection refused");
}

#[test]
fn older_wordings_count() {
    for message in [
        "Killing container with id docker://app:Container failed liveness probe.. Container will be killed and recreated.",
        "Killing container with id docker://app:pod \"web\" container \"app\" is unhealthy, it will be killed and re-created.",
    ] {
        let world = probed(World::new().crashed(143, "Error", 40).event("Killing", message, 32));
        assert!(probe_kill(&world.case()).is_some(), "{message}");
    }
}

#[test]
fn an_old_kill_and_readiness_failures_are_not_blamed() {
    let world =
        probed(World::new().crashed(2, "Error", 3600).event("Unhealthy", FAILED, -600).event("Killing", KILLED, -600));
    assert!(probe_kill(&world.case()).is_none());
    let world =
        probed(World::new().crashed(137, "Error", 62).event("Unhealthy", &FAILED.replace("Liveness", "Readiness"), 60));
    assert!(probe_kill(&world.case()).is_none());
}

#[test]
fn a_recurring_kill_outlives_the_run() {
    let world = probed(World::new().crashed(137, "Error", 62).event("Killing", KILLED, 132)).with(|w| {
        w.cluster.events[0].count = 5;
        w.cluster.events[0].first = Some(crate::diagnose::testing::at(-600));
    });
    assert!(probe_kill(&world.case()).is_some());
}

#[test]
fn in_an_old_loop_not_every_kill_is_written_down() {
    let world = |last: i64, count: u32, exit: i32| {
        probed(World::new().crashed(exit, "Error", 62).event("Killing", KILLED, last)).with(|w| {
            w.cluster.events[0].count = count;
            w.cluster.events[0].first = Some(crate::diagnose::testing::at(-4000));
        })
    };
    assert!(probe_kill(&world(-200, 40, 137).case()).is_some());
    assert!(probe_kill(&world(-200, 1, 137).case()).is_none(), "one old kill says nothing of this run");
    assert!(probe_kill(&world(-2000, 40, 137).case()).is_none(), "too old");
    assert!(probe_kill(&world(-200, 40, 1).case()).is_none(), "it ended by itself");
}

#[test]
fn failures_up_to_a_sigkill_say_the_same_without_the_event() {
    let world = probed(World::new().crashed(137, "Error", 62).event("Unhealthy", FAILED, 32))
        .with(|w| w.cluster.events[0].count = 3);
    assert!(probe_kill(&world.case()).is_some_and(|k| k.killing.is_none()));
    let own_exit = probed(World::new().crashed(1, "Error", 62).event("Unhealthy", FAILED, 32))
        .with(|w| w.cluster.events[0].count = 3);
    assert!(probe_kill(&own_exit.case()).is_none());
}

#[test]
fn a_plain_stop_is_told() {
    let world = World::new().crashed(143, "Error", 62).event("Killing", "Stopping container app", 61);
    assert_eq!(stop(&world.case()).map(|s| s.what), Some("the kubelet was told to stop the container"));
    let crashed = World::new().crashed(1, "Error", 62);
    assert!(stop(&crashed.case()).is_none());
}
