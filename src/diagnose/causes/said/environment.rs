//! MissingEnvironmentVariable: a required environment variable is not set.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::MissingEnvironmentVariable, words)
}

/// A name as an environment variable would have it: Spring's `fleetman.queue` is `FLEETMAN_QUEUE`.
fn variable(subject: &str) -> String {
    subject.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// What can be the name of a variable or of a property that one fills.
fn is_name(subject: &str) -> bool {
    subject.len() > 1
        && subject.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && subject.bytes().any(|b| b.is_ascii_alphabetic())
}

/// The variable of a reference `$(NAME)` of the spec that stands in the program's words as it was written: the kubelet leaves it
/// so where the container has no variable of that name (or has it after the one that refers to it).
pub(super) fn unexpanded<'a>(case: &Case, failure: &'a Failure) -> Option<&'a str> {
    let (_, rest) = failure.quote.split_once("$(")?;
    let (name, _) = rest.split_once(')')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let reference = format!("$({name})");
    let values = case.container.env.iter().filter_map(|e| e.value.as_deref());
    let refers = case.container.command_line().chain(values).any(|text| text.contains(&reference));
    (is_name && refers).then_some(name)
}

fn words(case: &Case, failure: &Failure) -> Told {
    if let Some(name) = unexpanded(case, failure) {
        let told = Told::new(format!("the spec refers to $({name}), and nothing fills it ({})", said(failure)))
            .evidence(
                Source::PodSpec,
                format!("the kubelet leaves $({name}) as it stands where no variable {name} comes before it"),
            );
        return told
            .advise(format!("Add {name} to the container's env, before the variable that refers to it. (A variable of the image or of a shell is written ${name} and needs a shell: sh -c.)"));
    }
    let Some(subject) = failure.subject.as_deref().filter(|s| is_name(s)) else {
        return Told::new(format!("a variable that it needs is not set ({})", said(failure)))
            .advise("Set the variable that the message names in the container's env, or in the ConfigMap or Secret that it is filled from.");
    };
    let name = variable(subject);
    let told = if name == subject {
        Told::new(format!("the variable {name} is not set ({})", said(failure)))
    } else {
        Told::new(format!("{subject} (the variable {name}) is not set ({})", said(failure)))
    };
    let told = match case.container.env(subject).or_else(|| case.container.env(&name)) {
        Some(env) => match &env.from {
            Some(from) => told.evidence(
                Source::PodSpec,
                format!(
                    "env {} comes from {} {}, key {}{}",
                    env.name,
                    from.kind,
                    from.name,
                    from.key,
                    if from.optional { " (optional)" } else { "" }
                ),
            ),
            None => told.evidence(Source::PodSpec, format!("env {} is set, but empty", env.name)),
        },
        None => near(
            case,
            subject,
            told.evidence(Source::PodSpec, format!("env of container {} has no {subject}", case.container.name)),
        ),
    };
    let told = case.container.env_from.iter().fold(told, |t, f| {
        t.evidence(
            Source::PodSpec,
            format!("envFrom {} {}{}", f.kind, f.name, if f.optional { " (optional)" } else { "" }),
        )
    });
    told.advise_command(
        format!("Set {name} in the pod template, best from a ConfigMap or Secret:"),
        command(case, &name),
    )
}

fn command(case: &Case, name: &str) -> Option<String> {
    matches!(case.pod.workload.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob").then(|| {
        format!(
            "kubectl -n {} set env {} -c {} {name}=VALUE",
            case.pod.namespace,
            case.kubectl_workload(),
            case.container.name
        )
    })
}

/// A variable of nearly the same name is often the slip.
fn near(case: &Case, subject: &str, told: Told) -> Told {
    let plain = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(subject);
    let close = case.container.env.iter().find(|e| {
        let have = plain(&e.name);
        have.len() > 3
            && (have == wanted
                || have.strip_suffix('s') == Some(&wanted)
                || wanted.strip_suffix('s') == Some(have.as_str()))
    });
    match close {
        Some(e) => told.evidence(Source::PodSpec, format!("but it sets {}: a slip in the name?", e.name)),
        None => told,
    }
}
