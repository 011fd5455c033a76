//! A pod with one claim, and what can be wrong with it.

mod claims;
mod mounts;

use crate::diagnose::Reason;
use crate::diagnose::facts::{Claim, Condition, Event, Mount, PodVolume, StorageClass, Volume, VolumeSource};
use crate::diagnose::testing::{World, at};

const UNBOUND: &str = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";

/// A pod with the claim `data` that has no containers yet.
fn world() -> World {
    World::new().waiting("", "").with(|w| {
        w.pod().volumes.push(PodVolume {
            name: "store".into(),
            source: VolumeSource::Claim { name: "data".into(), read_only: false },
        });
        w.container().mounts.push(Mount { volume: "store".into(), path: "/data".into(), ..Mount::default() });
    })
}

/// It is not placed, and the scheduler says so.
fn held(message: &str) -> World {
    let condition = Condition {
        kind: "PodScheduled".into(),
        status: "False".into(),
        reason: Some("Unschedulable".into()),
        message: Some(message.into()),
        since: Some(at(0)),
    };
    world().with(|w| {
        w.pod().node = None;
        w.pod().conditions.push(condition);
    })
}

fn claim(class: Option<&str>) -> Claim {
    Claim {
        namespace: "shop".into(),
        name: "data".into(),
        uid: "c-1".into(),
        phase: "Pending".into(),
        class: class.map(str::to_owned),
        access_modes: vec!["ReadWriteOnce".into()],
        request: Some(100 << 30),
        mode: "Filesystem".into(),
        ..Claim::default()
    }
}

fn with_claim(world: World, claim: Claim) -> World {
    world.with(|w| w.cluster.claims.push(claim))
}

fn claim_event(world: World, reason: &str, message: &str) -> World {
    world.with(|w| {
        w.cluster.events.push(Event {
            namespace: "shop".into(),
            kind: "PersistentVolumeClaim".into(),
            object: "data".into(),
            uid: "c-1".into(),
            warning: reason == "ProvisioningFailed",
            reason: reason.into(),
            message: message.into(),
            count: 3,
            last: Some(at(30)),
            ..Event::default()
        });
    })
}

fn class(name: &str, provisioner: &str) -> StorageClass {
    StorageClass { name: name.into(), provisioner: provisioner.into(), ..StorageClass::default() }
}

fn volume(name: &str, gi: u64) -> Volume {
    Volume {
        name: name.into(),
        phase: "Available".into(),
        class: Some(String::new()),
        capacity: Some(gi << 30),
        access_modes: vec!["ReadWriteOnce".into()],
        mode: "Filesystem".into(),
        ..Volume::default()
    }
}

#[track_caller]
fn expect(world: &World, reason: Reason, words: &[&str]) {
    let found = world.diagnose();
    assert_eq!(found.reason, reason, "{}", found.summary);
    for word in words {
        assert!(found.summary.contains(word), "{word}: {}", found.summary);
    }
}

#[track_caller]
fn blames(world: &World, kind: &str, name: &str) {
    let root = world.diagnose().root_cause.expect("a root cause");
    assert_eq!((root.kind.as_str(), root.name.as_str()), (kind, name));
}
