//! One incident over two lives of the operator, and when its object is written.

use super::book::{Book, Key};
use super::entry::Entry;
use super::incident::{Incident, LookFor, Times};
use super::sighting::{SeenCrash, Sighting};
use crate::api::{self, CrashDiagnosis, HistoryEntry};
use crate::diagnose::facts::{Timestamp, Workload};
use crate::diagnose::testing::{World, at};
use crate::report::resource::{self, Verdict};

const TIMES: Times = Times { resolve_after: 600, retention: 86_400 };

fn key() -> Key {
    ("shop".into(), "deployment.web.app".into())
}

/// A pod whose container ended at each of these seconds.
fn sighting(pod: &str, ends: &[i64]) -> Sighting {
    let crash = |t: &i64| {
        let crash = api::Crash { pod: pod.into(), exit_code: Some(1), ..api::Crash::default() };
        SeenCrash { id: format!("{pod}@{t}"), at: Some(at(*t)), crash }
    };
    Sighting {
        pod: pod.into(),
        uid: format!("uid-{pod}"),
        down: true,
        word: "Error".into(),
        signature: "1/Error".into(),
        restarts: i64::try_from(ends.len()).unwrap(),
        crashes: ends.iter().map(crash).collect(),
        ..Sighting::default()
    }
}

fn verdict(reason: &str) -> Verdict {
    Verdict { cause: "AppError".into(), reason: reason.into(), summary: "s".into(), ..Verdict::default() }
}

fn book() -> Book {
    let mut book = Book::default();
    let pod = World::new().pod().clone();
    let workload = Workload { kind: "Deployment".into(), name: "web".into(), ..pod.workload.clone() };
    let mut container = pod.containers[0].clone();
    container.name = "app".into();
    let mut pod = pod;
    pod.namespace = "shop".into();
    assert_eq!(book.open(&pod, &workload, &container), key());
    book
}

/// An entry whose first crash, of pod a at 0 s, is explained and written.
fn written() -> Book {
    let mut book = book();
    let entry = book.entries.get_mut(&key()).unwrap();
    assert_eq!(entry.incident.see(&sighting("a", &[0]), at(0)).look, LookFor::Explanation);
    assert_eq!(entry.due(at(0), TIMES), None, "nothing to say yet");
    entry.incident.explain("1/Error", "uid-a", verdict("UnknownError"), at(1));
    write(entry, at(1));
    book
}

fn write(entry: &mut Entry, now: Timestamp) {
    let due = entry.due(now, TIMES).unwrap();
    entry.wrote(due.status, now);
}

fn entry(book: &mut Book) -> &mut Entry {
    book.entries.get_mut(&key()).unwrap()
}

/// The next life of the operator, which knows what was written.
fn reborn(book: &Book) -> Incident {
    let old = &book.entries[&key()];
    let mut object = CrashDiagnosis::new(&key().1, old.incident.spec.clone());
    object.metadata.namespace = Some(key().0);
    object.status.clone_from(&old.written);
    Incident::restore(&object).unwrap()
}

fn ids(history: &[HistoryEntry]) -> Vec<&str> {
    history.iter().filter_map(|h| h.id.as_deref()).collect()
}

#[test]
fn a_second_life_counts_what_happened_meanwhile_and_nothing_twice() {
    let mut next = reborn(&written());
    assert_eq!(next.see(&sighting("a", &[0, 30]), at(40)).new, 1);
    assert_eq!(next.see(&sighting("b", &[0]), at(40)).new, 1, "in the same second as one that is written");
    assert_eq!(next.see(&sighting("a", &[0, 30]), at(41)).new, 0);
    let status = next.render(at(41), TIMES).unwrap();
    assert_eq!((status.crashes, ids(&status.history)), (3, vec!["a@30", "b@0", "a@0"]));
}

#[test]
fn an_object_whose_status_was_never_written_is_taken_up_and_does_not_stay_for_ever() {
    let object = {
        let mut object = CrashDiagnosis::new(&key().1, entry(&mut book()).incident.spec.clone());
        object.metadata.namespace = Some(key().0);
        object
    };
    let mut unfinished = Incident::restore(&object).unwrap();
    unfinished.tick(at(10), TIMES);
    assert!(!unfinished.expired(at(11), TIMES) && unfinished.expired(at(10 + TIMES.retention), TIMES));
    let mut crashes = Incident::restore(&object).unwrap();
    assert_eq!(crashes.see(&sighting("a", &[0]), at(1)).look, LookFor::Explanation);
}

#[test]
fn whoever_tells_first_the_story_is_the_same() {
    let tell = |order: [&str; 2]| {
        let mut book = book();
        let e = entry(&mut book);
        for pod in order {
            e.incident.see(&sighting(pod, &[7]), at(8));
        }
        e.incident.explain("1/Error", "uid-a", verdict("UnknownError"), at(9));
        e.incident.render(at(9), TIMES).unwrap()
    };
    let (one, other) = (tell(["a", "b"]), tell(["b", "a"]));
    assert_eq!(ids(&one.history), ["b@7", "a@7"]);
    assert_eq!((one.history, one.last_crash), (other.history, other.last_crash));
}

#[test]
fn an_older_end_of_a_restored_pod_is_not_its_last() {
    let mut book = written();
    let e = entry(&mut book);
    e.incident.see(&sighting("a", &[0, 50]), at(50));
    write(e, at(60));
    // The list of crashes has lost the older one; the pod still shows it.
    e.written.as_mut().unwrap().history.truncate(1);
    let mut next = reborn(&book);
    next.see(&sighting("a", &[0, 50]), at(70));
    let status = next.render(at(70), TIMES).unwrap();
    assert_eq!(status.pods[0].last_crash.as_deref(), Some("a@50"));
}

#[test]
fn a_crash_that_an_earlier_life_could_not_look_at_is_looked_at() {
    let mut book = written();
    let e = entry(&mut book);
    e.incident.see(&sighting("c", &[5]), at(6));
    write(e, at(30));
    e.written.as_mut().unwrap().history[0].reason.clear();
    let mut next = reborn(&book);
    assert_eq!(next.see(&sighting("a", &[0]), at(40)).look, LookFor::Nothing);
    assert_eq!(next.see(&sighting("c", &[5]), at(40)).look, LookFor::Explanation);
    next.explain("1/Error", "uid-c", verdict("Segfault"), at(41));
    next.look_over("1/Error", "uid-c", at(41));
    let status = next.render(at(41), TIMES).unwrap();
    assert_eq!(status.history[0].reason, "Segfault");
    assert_eq!(status.history[1].reason, "UnknownError", "what was known stays");
}

#[test]
fn counters_wait_for_a_look_but_not_for_ever() {
    let mut book = written();
    let e = entry(&mut book);
    e.looking.push(("1/Error".into(), "uid-a".into()));
    e.incident.see(&sighting("a", &[0, 30]), at(30));
    assert_eq!(e.due(at(30), TIMES), None);
    assert_eq!(e.due(at(31), TIMES), None);
    assert!(e.due(at(33), TIMES).is_some());
}

#[test]
fn a_word_for_what_a_container_does_waits_for_the_next_crash() {
    let mut book = written();
    let e = entry(&mut book);
    let waiting = Sighting { word: "CrashLoopBackOff".into(), ..sighting("a", &[0]) };
    e.incident.see(&waiting, at(40));
    assert_eq!(e.due(at(40), TIMES), None);
    e.incident.see(&sighting("a", &[0, 42]), at(42));
    assert_eq!(e.due(at(42), TIMES).map(|d| d.status.crashes), Some(2));

    let mut book = written();
    let e = entry(&mut book);
    e.incident.see(&waiting, at(40));
    assert_eq!(e.due(at(40), TIMES), None);
    assert!(e.due(at(50), TIMES).is_some(), "nor for ever");
}

#[test]
fn a_crash_that_is_about_to_leave_the_pods_status_is_written_at_once() {
    let mut book = written();
    let e = entry(&mut book);
    for t in [5, 12, 25] {
        e.incident.see(&sighting("a", &[t]), at(t));
        write(e, at(t));
    }
    // The pace has become slower by now.
    e.incident.see(&sighting("a", &[25, 30]), at(30));
    assert_eq!(e.due(at(30), TIMES), None);
    e.incident.see(&sighting("a", &[30, 33]), at(33));
    let due = e.due(at(33), TIMES).unwrap();
    assert_eq!(due.status.crashes, 6);
    assert_eq!(due.status.last_seen.map(|t| t.0), Some(resource::whole_seconds(at(33))));
}

#[test]
fn an_event_of_a_vague_verdict_waits_for_what_could_not_be_read() {
    let unread = || {
        let mut book = written();
        let gap = api::Unread { what: "previous log".into(), object: "pod shop/a".into(), why: "timed out".into() };
        entry(&mut book).written.as_mut().unwrap().unread.push(gap);
        book
    };
    let mut book = unread();
    let e = entry(&mut book);
    assert_eq!(e.tell(at(1)), []);
    assert!(e.holds_back());
    let better = e.written.as_mut().unwrap();
    (better.reason, better.unread) = ("InvalidConfiguration".into(), vec![]);
    assert_eq!(e.tell(at(7)).len(), 2, "to workload and pod");
    assert!(!e.holds_back());

    let mut book = unread();
    let e = entry(&mut book);
    assert_eq!((e.tell(at(1)), e.tell(at(20))), (vec![], vec![]));
    assert_eq!(e.tell(at(21)).len(), 2, "not for ever");
    assert_eq!(e.tell(at(22)), []);

    let mut book = written();
    assert_eq!(entry(&mut book).tell(at(1)).len(), 2, "all was read: at once");
}
