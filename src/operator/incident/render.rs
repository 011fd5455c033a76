//! The status that the object of an incident should have.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Explained, Incident, MAX_HISTORY, PodState, Times};
use crate::api::{self, CrashDiagnosisStatus};
use crate::diagnose::facts::Timestamp;
use crate::report::resource;

impl Incident {
    /// The status that the object should have; `None` while there is no explanation yet.
    pub fn render(&mut self, now: Timestamp, times: Times) -> Option<CrashDiagnosisStatus> {
        self.choose(now, times);
        let verdict = &self.explained.iter().find(|e| e.signature == self.shown)?.verdict;
        let mut status = CrashDiagnosisStatus {
            state: self.state,
            workload: resource::workload_words(&self.spec.workload),
            restarts: self.pods.values().map(|p| p.restarts).sum(),
            last_crash: self.last_crash.clone(),
            crashes: self.crashes,
            history: self.history.iter().take(MAX_HISTORY).map(|p| p.entry.clone()).collect(),
            first_seen: self.first_seen.map(resource::whole_seconds).map(Time),
            last_seen: self.last_seen.map(resource::whole_seconds).map(Time),
            recovered_at: self.recovered_at.map(resource::whole_seconds).map(Time),
            ..CrashDiagnosisStatus::default()
        };
        verdict.fill(&mut status);
        self.fill_pods(&mut status, now, times);
        self.fill_minorities(&mut status, now, times);
        self.conditions = conditions(&status, &self.conditions, now);
        status.conditions.clone_from(&self.conditions);
        Some(status)
    }

    /// The explanation of most pods is shown; of those with one reason that of most, the newest of equals.
    fn choose(&mut self, now: Timestamp, times: Times) {
        let pods_with = |s: &str| self.affected(now, times).filter(|(_, p)| p.signature == s).count();
        let votes = |e: &Explained| (self.pods_for(&e.verdict.reason, now, times), pods_with(&e.signature));
        let known = self.explained.iter().any(|e| e.signature == self.shown);
        let best = self.explained.iter().max_by_key(|e| votes(e)).filter(|e| votes(e).0 > 0 || !known);
        if let Some(best) = best {
            self.shown.clone_from(&best.signature);
        }
    }

    /// Affected pods whose crashes are explained by this reason.
    fn pods_for(&self, reason: &str, now: Timestamp, times: Times) -> usize {
        let explained = |p: &PodState| self.explanation(&p.signature).is_some_and(|v| v.reason == reason);
        self.affected(now, times).filter(|(_, p)| explained(p)).count()
    }

    fn fill_pods(&self, status: &mut CrashDiagnosisStatus, now: Timestamp, times: Times) {
        let mut affected: Vec<(&String, &PodState)> = self.affected(now, times).collect();
        affected.sort_by(|a, b| b.1.last_at.cmp(&a.1.last_at).then_with(|| a.1.name.cmp(&b.1.name)));
        // Those that their controller has replaced stand for the places that they left, however many there were.
        let places = affected.iter().filter(|(_, p)| !p.replaced).count().max(1);
        let places = self.pods_total.and_then(|n| usize::try_from(n).ok()).map_or(usize::MAX, |n| n.max(places));
        let count = i64::try_from(affected.len().min(places)).unwrap_or(i64::MAX);
        status.pods_affected = count;
        status.pods_total = self.pods_total.unwrap_or(count).max(count).max(1);
        status.pods_ratio = format!("{count}/{}", status.pods_total);
        status.next_restart_at = affected.iter().filter_map(|(_, p)| p.next_restart).min().map(Time);
        let pod = |(uid, p): &(&String, &PodState)| api::AffectedPod {
            name: p.name.clone(),
            uid: (*uid).clone(),
            node: p.node.clone(),
            restarts: p.restarts,
            state: p.word.clone(),
            last_crash: p.ids.back().cloned(),
            last_crash_at: p.last_at.map(Time),
            reason: self.explanation(&p.signature).map(|v| v.reason.clone()).filter(|r| *r != status.reason),
        };
        status.pods = affected.iter().take(MAX_HISTORY).map(pod).collect();
    }

    /// A workload whose pods crash for two causes shows the one of most pods, and names the other.
    fn fill_minorities(&self, status: &mut CrashDiagnosisStatus, now: Timestamp, times: Times) {
        for other in self.explained.iter().filter(|e| e.verdict.reason != status.reason) {
            let pods = self.pods_for(&other.verdict.reason, now, times);
            if pods > 0 && status.alternatives.iter().all(|a| a.reason != other.verdict.reason) {
                let against = format!("this holds for {pods} of {} affected pods", status.pods_affected);
                status.alternatives.insert(
                    0,
                    api::AlternativeReading {
                        cause: other.verdict.cause.clone(),
                        reason: other.verdict.reason.clone(),
                        summary: other.verdict.summary.clone(),
                        against,
                    },
                );
            }
        }
        status.alternatives.truncate(3);
    }
}

fn conditions(s: &CrashDiagnosisStatus, old: &[api::Condition], now: Timestamp) -> Vec<api::Condition> {
    let crashing = s.state == api::State::Crashing;
    let wanted = [
        ("Crashing", crashing, if crashing { s.reason.as_str() } else { "Recovered" }, s.summary.as_str()),
        ("Diagnosed", s.reason != "Unknown", s.reason.as_str(), ""),
    ];
    let make = |(kind, holds, reason, message): (&str, bool, &str, &str)| {
        let status = if holds { "True" } else { "False" };
        let since = old.iter().find(|c| c.type_ == kind && c.status == status).map(|c| c.last_transition_time.clone());
        api::Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            last_transition_time: since.unwrap_or_else(|| Time(resource::whole_seconds(now))),
            observed_generation: None,
        }
    };
    wanted.into_iter().map(make).collect()
}
