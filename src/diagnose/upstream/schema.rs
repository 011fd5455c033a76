//! A schema that is not there yet, and the Job that was to set it up: charts have one for migrations. Where it failed, or has not
//! come to its end, it is what has to be mended.

use std::collections::BTreeMap;

use super::super::facts::{Condition, Pod, WorkloadFacts};
use super::super::log::LogReport;
use super::super::wants::Want;
use super::{Diagnosis, Fault, Reason, Remedy, RootCause, Search, Source, called, evidence_of, is_network, pod};

/// What programs say of a schema that is missing or behind: all words of a row. Matched without regard to case.
const LACKS: &[&[&str]] = &[
    &["schema version"],
    &["schema", "not up to date"],
    &["schema", "out of date"],
    &["schema", "mismatch"],
    &["schema", "does not exist"],
    &["schema", "not found"],
    &["schema history table"],
    &["pending migration"],
    &["migrations are pending"],
    &["unapplied migration"],
    &["not been migrated"],
    &["migrations have not been"],
    &["relation", "does not exist"],
    &["table", "doesn't exist"],
    &["table", "does not exist"],
    &["no such table"],
    &["unconfigured table"],
    &["keyspace", "does not exist"],
    &["unknown database"],
    &["database", "does not exist"],
    &["database", "not initialized"],
    &["database", "not initialised"],
    &["database", "not been initialized"],
    &["initialize the database"],
];

/// Parts of the names of Jobs that set up a database.
const SETS_UP: &[&str] =
    &["schema", "init", "initdb", "dbinit", "initialize", "setup", "bootstrap", "db", "database", "ddl"];

/// What is wrong with the Job that sets up what the program misses.
pub(super) fn fault(search: &Search, log: &LogReport, diagnosis: &Diagnosis) -> Option<Fault> {
    let fits =
        matches!(diagnosis.reason, Reason::UnhandledException | Reason::InvalidConfiguration | Reason::UnknownError);
    let told = log.terminal().filter(|f| !is_network(f.concept))?;
    if !fits || !lacks(&told.quote) {
        return None;
    }
    let namespace = search.asker().namespace.clone();
    search.ask(Want::Labelled { kind: "Job", namespace, labels: BTreeMap::new() });
    let job = job(search)?;
    let own = |p: &&Pod| p.workload.kind == "Job" && p.workload.name == job.workload.name && p.phase != "Succeeded";
    let mut pods = search.cluster.pods.iter().filter(|p| p.namespace == job.namespace).filter(own);
    let deeper = pods.find_map(|p| pod::fault(search, p));
    let lead = format!("{}, which sets that up,", called(search, "Job", &job.namespace, &job.workload.name));
    Some(match deeper {
        Some(mut fault) => {
            fault.sentence = format!("{lead} {}: {}", state(job).0, fault.sentence);
            fault
        }
        None => of_job(job, &lead),
    })
}

fn lacks(quote: &str) -> bool {
    let lower = quote.to_lowercase();
    LACKS.iter().any(|row| row.iter().all(|w| lower.contains(w)))
}

fn condition<'a>(job: &'a WorkloadFacts, kind: &str) -> Option<&'a Condition> {
    job.conditions.iter().find(|c| c.kind == kind && c.status == "True")
}

fn is_done(job: &WorkloadFacts) -> bool {
    condition(job, "Complete").or(condition(job, "SuccessCriteriaMet")).is_some()
}

fn sets_up(job: &WorkloadFacts) -> bool {
    let name = job.workload.name.to_lowercase();
    job.workload.kind == "Job" && name.split(['-', '.']).any(|w| w.contains("migrat") || SETS_UP.contains(&w))
}

/// The Job to blame: one of the same application; else the only one of the namespace, where it failed. One that was followed by
/// a good one of its kind is history.
fn job<'a>(search: &Search<'a>) -> Option<&'a WorkloadFacts> {
    let asker = search.asker();
    let here = |w: &&WorkloadFacts| w.namespace == asker.namespace && sets_up(w) && w.workload != asker.workload;
    let all: Vec<&WorkloadFacts> = search.cluster.workloads.iter().filter(here).collect();
    let of_app: Vec<&WorkloadFacts> = all.iter().copied().filter(|w| is_related(asker, w)).collect();
    let made_good = |of: &[&WorkloadFacts], bad: &WorkloadFacts| {
        of.iter().any(|w| is_done(w) && w.created.zip(bad.created).is_none_or(|(good, bad)| good >= bad))
    };
    let open = |of: &[&'a WorkloadFacts]| -> Vec<&'a WorkloadFacts> {
        let mut open: Vec<_> = of.iter().copied().filter(|w| !is_done(w) && !made_good(of, w)).collect();
        open.sort_by_key(|w| (condition(w, "Failed").is_none(), std::cmp::Reverse(w.created)));
        open
    };
    if !of_app.is_empty() {
        return open(&of_app).first().copied();
    }
    let left = open(&all);
    left.first().copied().filter(|w| left.len() == 1 && condition(w, "Failed").is_some())
}

/// Of the same release, or with the same first part of the name.
fn is_related(asker: &Pod, job: &WorkloadFacts) -> bool {
    let first = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    let label = |of: &BTreeMap<String, String>| of.get("app.kubernetes.io/instance").cloned();
    let release = label(&asker.labels).filter(|own| label(&job.pod_labels).as_ref() == Some(own));
    release.is_some() || first(&asker.workload.name) == first(&job.workload.name)
}

/// In which state it is, and what that rests on.
fn state(job: &WorkloadFacts) -> (&'static str, String) {
    match condition(job, "Failed") {
        Some(failed) => {
            let reason = failed.reason.as_deref().unwrap_or("no reason");
            let message = failed.message.as_deref().unwrap_or("no message");
            ("has failed", format!("condition Failed: {reason}: {message}"))
        }
        None => ("is not done", "no condition Complete".to_owned()),
    }
}

fn of_job(job: &WorkloadFacts, lead: &str) -> Fault {
    let (namespace, name) = (&job.namespace, &job.workload.name);
    let (what, rests_on) = state(job);
    let message = condition(job, "Failed").and_then(|c| c.message.as_deref());
    let why = message.map_or_else(String::new, |m| format!(" ({})", pod::trimmed(m)));
    let advice = if message.is_some() {
        format!("Read why Job {name} failed, mend that, and let it run again (delete it, then apply or upgrade anew):")
    } else {
        format!("Wait for Job {name}, or see what keeps it from its end:")
    };
    Fault {
        sentence: format!("{lead} {what}{why}"),
        evidence: vec![evidence_of(Source::Workload, "Job", namespace, name, rests_on)],
        advice: vec![Remedy::command(
            advice,
            format!("kubectl -n {namespace} logs job/{name} --all-containers --tail=50"),
        )],
        root: RootCause {
            api_version: job.workload.api_version.clone(),
            kind: "Job".into(),
            namespace: namespace.clone(),
            name: name.clone(),
            workload: None,
            summary: format!("{what}{why}"),
        },
    }
}
