use super::incident::{Incident, LookFor, Times};
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
        i.explain(&s.signature, &s.uid, verdict("UnhandledException"), at(ended));
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
            &s.uid,
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
        i.explain(&s.signature, &s.uid, verdict("UnhandledException"), at(ended));
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
    assert_eq!(i.see(&first, at(0)).look, LookFor::Explanation);
    i.explain(&first.signature, &first.uid, verdict("ConfigMapNotFound"), at(0));
    assert_eq!(i.see(&first, at(30)).look, LookFor::Nothing);
    let second = stuck("CreateContainerConfigError", "secret \"b\" not found");
    assert_eq!(i.see(&second, at(60)).look, LookFor::Explanation);
    let third = stuck("CreateContainerConfigError", "secret \"c\" not found");
    assert_eq!(
        i.see(&third, at(61)).look,
        LookFor::Nothing,
        "not at every wording of a message that changes all the time"
    );
}

#[test]
fn a_bare_back_off_goes_on_with_what_the_pull_said() {
    let mut i = incident();
    let failed = stuck("ErrImagePull", "rpc error: code = NotFound desc = web:1.2: not found");
    i.see(&failed, at(0));
    i.explain(&failed.signature, &failed.uid, verdict("ImagePullFailed"), at(0));
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
    i.explain(&first.signature, &first.uid, verdict("UnknownError"), at(10));
    i.look_over(&first.signature, &first.uid, at(10));
    let second = crash(2, 1, 13, 2);
    assert_eq!(i.see(&second, at(13)).look, LookFor::Explanation);
    i.explain(&second.signature, &second.uid, verdict("MissingModule"), at(13));
    i.look_over(&second.signature, &second.uid, at(13));
    let reasons: Vec<String> = status(&mut i, at(14)).history.into_iter().map(|h| h.reason).collect();
    assert_eq!(reasons, ["MissingModule", "MissingModule"]);
    assert_eq!(i.see(&crash(3, 1, 16, 2), at(16)).look, LookFor::Nothing);
}

/// The same exit of another pod, with another crash each time.
fn of_pod(pod: &str, n: u32, ended: i64) -> Sighting {
    let mut s = crash(n, 1, ended, 2);
    (s.pod, s.uid) = (pod.into(), pod.into());
    s.crashes.iter_mut().for_each(|c| c.id = format!("{pod}-{n}"));
    s
}

/// One look, from sight to end; its counts.
fn look(i: &mut Incident, s: &Sighting, reason: &str, now: i64) -> Vec<(String, u64)> {
    let s = i.continued(s.clone());
    assert_ne!(i.see(&s, at(now)).look, LookFor::Nothing, "{} at {now}", s.pod);
    i.look_begins(&s.uid);
    i.explain(&s.signature, &s.uid, verdict(reason), at(now));
    let counts = i.look_over(&s.signature, &s.uid, at(now));
    counts.into_iter().filter(|c| c.crashes > 0).map(|c| (c.reason, c.crashes)).collect()
}

fn told(s: &api::CrashDiagnosisStatus) -> Vec<(&str, &str)> {
    s.history.iter().map(|h| (h.pod.as_str(), h.reason.as_str())).collect()
}

#[test]
fn pods_that_look_alike_and_crash_for_two_causes_are_told_apart() {
    let mut i = incident();
    assert_eq!(look(&mut i, &of_pod("a", 0, 10), "MissingModule", 10), [("MissingModule".to_owned(), 1)]);
    assert_eq!(look(&mut i, &of_pod("b", 0, 11), "PortConflict", 11), [("PortConflict".to_owned(), 1)]);
    assert_eq!(look(&mut i, &of_pod("c", 0, 12), "PortConflict", 12), [("PortConflict".to_owned(), 1)]);
    let s = status(&mut i, at(13));
    assert_eq!((s.reason.as_str(), s.pods_affected), ("PortConflict", 3));
    assert_eq!(told(&s), [("c", "PortConflict"), ("b", "PortConflict"), ("a", "MissingModule")]);
    let other = &s.alternatives[0];
    assert_eq!(
        (other.reason.as_str(), other.against.as_str()),
        ("MissingModule", "this holds for 1 of 3 affected pods")
    );
    assert_eq!(s.pods.iter().filter_map(|p| p.reason.as_deref()).collect::<Vec<_>>(), ["MissingModule"]);
    // The one that changes its mind joins the others.
    look(&mut i, &of_pod("a", 1, 40), "PortConflict", 40);
    let s = status(&mut i, at(41));
    assert_eq!((s.reason.as_str(), s.alternatives.len()), ("PortConflict", 0));
    assert_eq!(told(&s)[0], ("a", "PortConflict"));
}

#[test]
fn a_pod_that_waits_for_its_look_is_not_counted_under_anothers_cause() {
    let mut i = incident();
    let (a, b) = (of_pod("a", 0, 10), of_pod("b", 0, 10));
    i.see(&a, at(10));
    i.look_begins("a");
    i.see(&b, at(10));
    i.look_begins("b");
    i.explain(&a.signature, "a", verdict("MissingModule"), at(11));
    let counts = i.look_over(&a.signature, "a", at(11));
    assert_eq!(counts.iter().map(|c| c.crashes).collect::<Vec<_>>(), [1]);
    i.explain(&b.signature, "b", verdict("PortConflict"), at(12));
    let counts = i.look_over(&b.signature, "b", at(12));
    assert!(counts.iter().any(|c| (c.reason.as_str(), c.crashes) == ("PortConflict", 1)), "{counts:?}");
    assert_eq!(counts.iter().map(|c| c.crashes).sum::<u64>(), 1);
}

#[test]
fn one_pod_that_fails_for_two_causes_by_turns_is_looked_at_each_time() {
    let mut i = incident();
    let causes = ["MissingModule", "PortConflict"];
    for n in 0..5_u32 {
        let now = 10 + 10 * i64::from(n);
        let s = crash(n, 1, now, 2);
        assert_eq!(look(&mut i, &s, causes[n as usize % 2], now), [(causes[n as usize % 2].to_owned(), 1)]);
    }
    let reasons: Vec<String> = status(&mut i, at(60)).history.into_iter().map(|h| h.reason).collect();
    assert_eq!(reasons, ["MissingModule", "PortConflict", "MissingModule", "PortConflict", "MissingModule"]);
}

#[test]
fn many_pods_that_are_alike_are_not_looked_at_one_by_one() {
    let mut i = incident();
    let pods: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
    let looks = pods.iter().filter(|p| {
        let s = of_pod(p, 0, 10);
        let wanted = i.see(&s, at(10)).look != LookFor::Nothing;
        if wanted {
            i.look_begins(&s.uid);
            i.explain(&s.signature, &s.uid, verdict("MissingModule"), at(10));
            i.look_over(&s.signature, &s.uid, at(10));
        }
        wanted
    });
    assert_eq!(looks.count(), 4);
    assert_eq!(status(&mut i, at(11)).history.iter().filter(|h| h.reason == "MissingModule").count(), 10);
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
    i.explain(&refused(0).signature, "uid-0", verdict("InvalidConfiguration"), at(40));
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
