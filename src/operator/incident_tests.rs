use super::incident::{Incident, Times};
use super::sighting::{self, SeenCrash, Sighting};
use crate::api::{self, State};
use crate::diagnose::facts::{ContainerKind, State as ContainerState, Timestamp};
use crate::diagnose::testing::{World, at};
use crate::report::resource::{self, Verdict};

const TIMES: Times = Times { resolve_after: 600, retention: 86_400 };
const HOUR: i64 = 3_600;

fn incident() -> Incident {
    let w = World::new();
    let workload = w.cluster.pods[0].workload.clone();
    let spec = resource::spec(&workload, "app", ContainerKind::Regular);
    Incident::new("shop", "deployment.web.app".into(), spec, workload)
}

fn verdict(reason: &str) -> Verdict {
    Verdict { cause: "AppError".into(), reason: reason.into(), ..Verdict::default() }
}

/// Ended with `code` at `ended` after `ran` seconds, and waits.
fn crash(n: u32, code: i32, ended: i64, ran: i64) -> Sighting {
    let mut w = World::new().crashed(code, "Error", 2);
    let status = &mut w.container().status;
    status.restarts = n;
    let mut end = status.last.take().unwrap();
    (end.started, end.finished) = (Some(at(ended - ran)), Some(at(ended)));
    end.container_id = Some(format!("containerd://c{n}"));
    status.state = ContainerState::Terminated(end);
    let pod = &w.cluster.pods[0];
    sighting::sight(pod, &pod.containers[0], false)
}

fn running(n: u32, since: i64) -> Sighting {
    let mut w = World::new();
    w.container().status.restarts = n;
    w.container().status.state = ContainerState::Running { since: Some(at(since)) };
    let pod = &w.cluster.pods[0];
    sighting::sight(pod, &pod.containers[0], false)
}

fn status(i: &mut Incident, now: Timestamp) -> api::CrashDiagnosisStatus {
    i.render(now, TIMES).expect("an explained incident has a status")
}

#[test]
fn a_slow_loop_stays_one_incident_and_keeps_its_history() {
    let mut i = incident();
    for n in 0..12_u32 {
        let ended = 5 * HOUR * (i64::from(n) + 1);
        let s = crash(n, 1, ended, 5 * HOUR - 1);
        assert_eq!(i.see(&s, at(ended)).new, 1);
        i.explain(&s.signature, verdict("UnhandledException"), at(ended));
        assert_eq!(status(&mut i, at(ended)).state, State::Crashing);
        i.see(&running(n + 1, ended + 1), at(ended + 1));
        i.tick(at(ended + HOUR), TIMES);
        assert_eq!(status(&mut i, at(ended + HOUR)).state, State::Recovered);
        assert!(!i.expired(at(ended + 5 * HOUR), TIMES));
    }
    let s = status(&mut i, at(62 * HOUR));
    assert_eq!((s.crashes, s.history.len()), (12, 10));
    let times: Vec<i64> = s.history.iter().filter_map(|h| h.time.as_ref()).map(|t| t.0.as_second()).collect();
    assert!(times.windows(2).all(|w| w[0] - w[1] == 5 * HOUR), "newest first: {times:?}");
    assert!(s.history.iter().all(|h| h.ran_for.as_deref() == Some("4h59m59s") && h.reason == "UnhandledException"));
    assert_eq!(i.past().first().and_then(|p| p.finished), Some(at(15 * HOUR)));
}

#[test]
fn alternating_causes_stand_in_the_history_each_with_its_own() {
    let mut i = incident();
    for (n, code) in [137, 1, 137, 1].into_iter().enumerate() {
        let ended = 100 * (i64::try_from(n).unwrap() + 1);
        let s = crash(u32::try_from(n).unwrap(), code, ended, 20);
        i.see(&s, at(ended));
        i.explain(
            &s.signature,
            verdict(if code == 1 { "UnhandledException" } else { "TerminatedBySignal" }),
            at(ended),
        );
    }
    let reasons: Vec<String> = i.past().into_iter().map(|p| p.diagnosis).collect();
    assert_eq!(reasons, ["TerminatedBySignal", "UnhandledException", "TerminatedBySignal", "UnhandledException"]);
    assert_eq!(status(&mut i, at(500)).reason, "UnhandledException");
}

#[test]
fn the_next_restart_follows_the_back_off_and_goes_when_it_runs() {
    let mut i = incident();
    let mut at_end = |n: u32, ended: i64, ran: i64| {
        let s = crash(n, 1, ended, ran);
        i.see(&s, at(ended));
        i.explain(&s.signature, verdict("UnhandledException"), at(ended));
        let waits = status(&mut i, at(ended)).next_restart_at.map(|t| t.0.as_second() - at(ended).as_second());
        i.see(&running(n + 1, ended + 1), at(ended + 1));
        let after = status(&mut i, at(ended + 1)).next_restart_at;
        assert!(after.is_none(), "{after:?}");
        waits.unwrap()
    };
    assert_eq!([at_end(0, 100, 2), at_end(1, 200, 2), at_end(2, 300, 2)], [0, 10, 20]);
    assert_eq!([at_end(3, 5_000, 4_000), at_end(4, 5_100, 2)], [0, 10]);
}

#[test]
fn one_crash_seen_twice_is_one() {
    let mut i = incident();
    let s = crash(0, 1, 100, 2);
    assert_eq!((i.see(&s, at(100)).new, i.see(&s, at(101)).new), (1, 0));
    let again = Sighting { crashes: vec![SeenCrash { id: "other".into(), ..s.crashes[0].clone() }], ..s };
    assert_eq!(i.see(&again, at(102)).new, 1);
}

fn stuck(reason: &str, message: &str) -> Sighting {
    let w = World::new().waiting(reason, message);
    let pod = &w.cluster.pods[0];
    sighting::sight(pod, &pod.containers[0], false)
}

#[test]
fn an_obstacle_in_other_words_is_looked_at_again() {
    let mut i = incident();
    let first = stuck("CreateContainerConfigError", "configmap \"a\" not found");
    assert!(i.see(&first, at(0)).look);
    i.explain(&first.signature, verdict("ConfigMapNotFound"), at(0));
    assert!(!i.see(&first, at(30)).look);
    let second = stuck("CreateContainerConfigError", "secret \"b\" not found");
    assert!(i.see(&second, at(60)).look);
    let third = stuck("CreateContainerConfigError", "secret \"c\" not found");
    assert!(!i.see(&third, at(61)).look, "not at every wording of a message that changes all the time");
}

#[test]
fn a_bare_back_off_goes_on_with_what_the_pull_said() {
    let mut i = incident();
    let failed = stuck("ErrImagePull", "rpc error: code = NotFound desc = web:1.2: not found");
    i.see(&failed, at(0));
    i.explain(&failed.signature, verdict("ImagePullFailed"), at(0));
    let bare = i.continued(stuck("ImagePullBackOff", "Back-off pulling image \"web:1.2\""));
    assert_eq!(bare.signature, failed.signature);
    let full = stuck(
        "ImagePullBackOff",
        "Back-off pulling image \"web:1.2\": ErrImagePull: rpc error: code = NotFound desc = web:1.2: not found",
    );
    assert_eq!(i.continued(full).signature, failed.signature);
}

#[test]
fn a_vague_verdict_is_improved_by_the_next_crash_and_the_history_with_it() {
    let mut i = incident();
    let first = crash(1, 1, 10, 2);
    i.see(&first, at(10));
    i.explain(&first.signature, verdict("UnknownError"), at(10));
    i.look_over(&first.signature);
    let second = crash(2, 1, 13, 2);
    assert!(i.see(&second, at(13)).look);
    i.explain(&second.signature, verdict("MissingModule"), at(13));
    i.look_over(&second.signature);
    let reasons: Vec<String> = status(&mut i, at(14)).history.into_iter().map(|h| h.reason).collect();
    assert_eq!(reasons, ["MissingModule", "MissingModule"]);
    assert!(!i.see(&crash(3, 1, 16, 2), at(16)).look);
}

#[test]
fn pods_that_were_replaced_stand_for_their_place_and_are_forgotten() {
    let refused = |n: i64| {
        let mut w = World::new();
        let pod = w.pod();
        (pod.name, pod.uid) = (format!("web-{n}"), format!("uid-{n}"));
        (pod.phase, pod.reason, pod.start_time) = ("Failed".into(), Some("SysctlForbidden".into()), Some(at(n)));
        pod.controller = Some(pod.workload.clone());
        w.container().status = crate::diagnose::facts::Status::default();
        let pod = &w.cluster.pods[0];
        sighting::sight(pod, &pod.containers[0], false)
    };
    let mut i = incident();
    i.pods_total = Some(2);
    for n in 0..40 {
        assert_eq!(i.see(&refused(n), at(n)).new, 1);
    }
    i.explain(&refused(0).signature, verdict("InvalidConfiguration"), at(40));
    let s = status(&mut i, at(40));
    assert_eq!((s.state, s.crashes, s.pods_ratio.as_str()), (State::Crashing, 40, "2/2"));
    assert_eq!(s.history[0].time.as_ref().map(|t| t.0), Some(at(39)));
    assert_eq!(i.forget_replaced(at(40), TIMES).len(), 0);
    assert_eq!(i.forget_replaced(at(620), TIMES).len(), 21);
    i.tick(at(640), TIMES);
    assert_eq!(status(&mut i, at(640)).state, State::Recovered);
    assert_eq!(i.forget_replaced(at(640), TIMES).len(), 19);
    assert!(i.has_no_pods());
}
