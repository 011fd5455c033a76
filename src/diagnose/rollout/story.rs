//! The story of a rollout that crashes: what it changed, when, and whether the revision before is well.

use super::course::Course;
use super::difference::differences;
use super::revisions::{self, Health, Revisions};
use crate::diagnose::facts::{Timestamp, WorkloadFacts};
use crate::diagnose::{Case, Cause, Diagnosis, Evidence, Remedy, Source, words};

/// Seconds from a rollout to the first crash within which one is taken for the cause of the other: pulls are slow, and pods are
/// replaced one after the other.
pub const YOUNG: i64 = 1_800;
/// What the clocks of node and API server may differ, seconds.
const SKEW: i64 = 60;
/// Seconds before the rollout in which a crash tells that the revision before was not well either.
const UNWELL: i64 = 86_400;
/// Most differences told.
const MOST: usize = 12;

/// A crash that began with a rollout.
pub struct Story<'a> {
    revisions: Revisions<'a>,
    previous: &'a WorkloadFacts,
    health: Health,
    differences: Vec<String>,
    began: Option<Timestamp>,
    /// Seconds from the rollout to the first crash, where both are known.
    lead: Option<i64>,
}

impl<'a> Story<'a> {
    /// `None`: no rollout, none that is known, or the crash has nothing to do with it.
    pub fn of(case: &Case<'a>, course: &Course) -> Option<Self> {
        let revisions = revisions::of(case)?;
        let began = revisions::began(case, &revisions);
        let lead = course.first.zip(began).map(|(first, began)| first.as_second() - began.as_second());
        let (previous, health) = previous(case, &revisions)?;
        let serving = matches!(health, Health::Serving(_));
        // A Deployment keeps pods of both only while the new ones do not become ready.
        let stuck = serving && revisions.current.ready == Some(0);
        if !stuck && !lead.is_some_and(is_young) {
            return None;
        }
        if !serving && began.is_none_or(|b| crashed_before(case, revisions.current, b)) {
            return None;
        }
        let differences = differences(previous, revisions.current, &case.container.name);
        let lead = lead.filter(|l| is_young(*l));
        Some(Self { revisions, previous, health, differences, began, lead })
    }

    /// `revision 7 (2 min before the first crash) changed: ... Revision 6 still serves (2 ready pods).` `None`: nothing that is seen.
    pub fn change(&self) -> Option<String> {
        if self.differences.is_empty() {
            return None;
        }
        let when = self.lead.map(|l| format!(" ({} before the first crash)", about(l))).unwrap_or_default();
        let since =
            self.revisions.superseded_by.map(|w| format!(" {} was rolled out since.", capital(&revisions::called(w))));
        Some(format!(
            "{}{when} changed: {}. {}{}",
            revisions::called(self.revisions.current),
            self.differences_in_words(MOST),
            self.previous_in_words(),
            since.unwrap_or_default()
        ))
    }

    fn differences_in_words(&self, most: usize) -> String {
        let shown = self.differences.iter().take(most).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = self.differences.len().saturating_sub(most);
        if more == 0 { shown } else { format!("{shown}; and {more} more") }
    }

    fn previous_in_words(&self) -> String {
        let name = capital(&revisions::called(self.previous));
        match &self.health {
            Health::Serving(pods) => format!("{name} still serves ({pods})."),
            _ => format!("{name} ran before; no crash of it is known."),
        }
    }

    /// Puts it into the diagnosis: evidence, the way back, a short word in the summary.
    pub fn tell(&self, case: &Case, diagnosis: &mut Diagnosis) {
        let (new, old) = (revisions::called(self.revisions.current), revisions::called(self.previous));
        let what = if self.differences.is_empty() {
            format!(
                "has the same containers, volumes and settings as {old}: a restart, so look at what they read (image tag, ConfigMap, Secret, peers)"
            )
        } else {
            format!("differs from {old}: {}", self.differences_in_words(3))
        };
        let when = self.lead.map(|l| format!(", {} before the first crash,", about(l))).unwrap_or_default();
        diagnosis.evidence.push(
            Evidence::new(Source::Workload, format!("{new}{when} {what}"))
                .of(object(self.revisions.current))
                .at(self.began),
        );
        if let Health::Serving(pods) = &self.health {
            let text = format!("{old} is healthy: {pods}");
            diagnosis.evidence.push(Evidence::new(Source::Workload, text).of(object(self.previous)));
        }
        diagnosis.evidence.extend(self.image_or_node(case));
        if self.differences.is_empty() || diagnosis.cause() == Cause::NodeIssue {
            return;
        }
        if diagnosis.summary.len() < 700 {
            diagnosis.summary = format!("{} It began with {new}.", sentence(&diagnosis.summary));
        }
        diagnosis.remediation.extend(self.way_back(case, diagnosis));
    }

    /// `kubectl rollout undo`, where the revision before is known to be well; not where something else is to blame and only the
    /// time tells of the rollout.
    fn way_back(&self, case: &Case, diagnosis: &Diagnosis) -> Option<Remedy> {
        let serving = matches!(self.health, Health::Serving(_));
        let elsewhere =
            diagnosis.root_cause.as_ref().is_some_and(|r| !matches!(r.kind.as_str(), "ConfigMap" | "Secret"));
        if self.revisions.superseded_by.is_some() || (elsewhere && !serving) {
            return None;
        }
        let old = revisions::called(self.previous);
        let text = if serving {
            format!("Or go back to {old}, which is healthy, until this is solved:")
        } else {
            format!("Or go back to {old}, of which no crash is known, until this is solved:")
        };
        Some(match self.undo(case) {
            Some(command) => Remedy::command(text, command),
            None => Remedy::text(format!("{}.", text.trim_end_matches(':'))),
        })
    }

    fn undo(&self, case: &Case) -> Option<String> {
        let top = &case.pod.workload;
        let tool = match top.kind.as_str() {
            "Deployment" | "StatefulSet" | "DaemonSet" => "kubectl",
            "DeploymentConfig" => "oc",
            _ => return None,
        };
        let next = self.revisions.earlier.first().is_some_and(|w| w.workload.name == self.previous.workload.name);
        let to = self.previous.revision.filter(|_| !next).map(|n| format!(" --to-revision={n}")).unwrap_or_default();
        Some(format!("{tool} -n {} rollout undo {}{to}", case.pod.namespace, case.kubectl_workload()))
    }

    /// The guide's "is it the image?" test: a healthy pod of the revision before on the same node clears the node; another build
    /// under the same tag is a change that no template shows.
    fn image_or_node(&self, case: &Case) -> Option<Evidence> {
        let old_pods: Vec<_> = revisions::pods(case, self.previous).filter(|p| revisions::is_ready(p)).collect();
        let old = |p: &&crate::diagnose::facts::Pod| p.container(&case.container.name).cloned();
        let here = old_pods.iter().find(|p| p.node.is_some() && p.node == case.pod.node);
        let other_build = old_pods.iter().find_map(|p| {
            let c = old(p).filter(|c| c.image == case.container.image)?;
            is_other_build(&c.status.image_id, &case.container.status.image_id).then_some((p, c))
        });
        if let Some((pod, c)) = other_build {
            let text = format!(
                "image {} is another build than in pod {}, which is healthy: {} here, {} there",
                c.image,
                pod.name,
                digest(&case.container.status.image_id)?,
                digest(&c.status.image_id)?
            );
            return Some(Evidence::new(Source::Workload, text).of(format!("pod {}/{}", pod.namespace, pod.name)));
        }
        let pod = here.filter(|_| !self.differences.is_empty())?;
        let image = old(pod)?.image;
        let only_image = self.differences.len() == 1 && image != case.container.image;
        let (which, new) = if image == case.container.image {
            (String::new(), "the new revision".to_owned())
        } else {
            (format!(" with image {image}"), format!("image {}", case.container.image))
        };
        let blame = if only_image { "the image" } else { "the revision" };
        let text = format!(
            "pod {} of {}{which} is healthy on the same node {}, where {new} crashes: {blame}, not the node",
            pod.name,
            revisions::called(self.previous),
            case.pod.node.as_deref()?
        );
        Some(Evidence::new(Source::Workload, text).of(format!("pod {}/{}", pod.namespace, pod.name)))
    }
}

/// The revision to compare with: the newest one that serves, else the newest that is not known to fail.
fn previous<'a>(case: &Case<'a>, revisions: &Revisions<'a>) -> Option<(&'a WorkloadFacts, Health)> {
    let known: Vec<_> = revisions.earlier.iter().map(|w| (*w, revisions::health(case, revisions, w))).collect();
    let best = known.iter().find(|(_, h)| matches!(h, Health::Serving(_)));
    best.or_else(|| known.iter().find(|(_, h)| *h == Health::Gone)).cloned()
}

/// Whether pods of earlier revisions crashed not long before.
fn crashed_before(case: &Case, current: &WorkloadFacts, began: Timestamp) -> bool {
    let of_deployment = current.workload.kind != "ControllerRevision";
    let own = format!("{}-", current.workload.name);
    case.cluster.history.iter().filter(|p| p.container == case.container.name).any(|p| {
        let before = p.finished.map(|f| began.as_second() - f.as_second());
        before.is_some_and(|s| (1..UNWELL).contains(&s)) && !(of_deployment && p.pod.starts_with(&own))
    })
}

/// Whether so many seconds lie between rollout and crash that one may be the cause of the other.
pub fn is_young(lead: i64) -> bool {
    (-SKEW..=YOUNG).contains(&lead)
}

/// `2 min`; coarse, so that two looks at one crash say the same.
pub fn about(seconds: i64) -> String {
    match seconds {
        ..60 => "less than a minute".into(),
        60..7_200 => format!("{} min", seconds / 60),
        _ => words::seconds(seconds / 3_600 * 3_600),
    }
}

fn object(w: &WorkloadFacts) -> String {
    format!("{} {}/{}", w.workload.kind.to_lowercase(), w.namespace, w.workload.name)
}

/// `repo@sha256:0123456789ab`; `None` for what is no digest.
fn digest(image_id: &str) -> Option<String> {
    let (_, hex) = image_id.split_once("@sha256:")?;
    Some(format!("sha256:{}", hex.chars().take(12).collect::<String>()))
}

/// Two digests of one repository, as one kind of runtime writes them.
fn is_other_build(a: &str, b: &str) -> bool {
    match (a.split_once('@'), b.split_once('@')) {
        (Some((repo, x)), Some((other, y))) => repo == other && x != y,
        _ => false,
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}
