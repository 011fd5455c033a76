//! Runtime errors at create and start, in the words of runc, crun, containerd, cri-o and docker.
//!
//! Where the words stand: `waiting.message` of RunContainerError / CreateContainerError / CreateContainerConfigError,
//! `terminated.message` of StartError (containerd) or ContainerCannotRun (docker, cri-o), and the event `Failed`.

use std::sync::LazyLock;

use regex::Regex;

use super::{image, mount, shapes};
use crate::diagnose::causes::said::{entrypoint, place};
use crate::diagnose::facts::State;
use crate::diagnose::stated::{self, Said};
use crate::diagnose::words::{self, cut};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

/// What stands between quotes after `exec:`, or the path of `stat`/`mkdir`/`mounting ... at`.
static SUBJECT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"to rootfs at \\*"([^"\\]+)"#,
        // docker until 17.x names the folder of the container's root file system as well, and escapes thrice
        r#"to rootfs \\*"[^"\\]*\\*" at \\*"(?:/[^"\\]*?/(?:merged|rootfs|mnt/[0-9a-f]+))?(/[^"\\]+)"#,
        r#"chdir to cwd \(\\?"([^"\\]+)"#,
        r"chdir to `([^`]+)`",
        r#"unknown capability(?: to (?:add|drop))?:? \\?"?(\w+)"#,
        r"unable to find (?:user|group) ([^:\s]+)",
        r#"initial working directory \\?"([^"\\]+)"#,
        r"(?:executable file|cannot find|exec container process(?: \([^)]*\))?) `([^`]+)`",
        r"mount `[^`]*` to `([^`]+)`",
        r"failed to load (/[^\s:]+)",
        r#"exec: \\*"([^"\\]+)"#,
        r#"exec:? \\*"?(/[^\s":\\]+)"#,
        r#"mkdir (/[^\s":]+)"#,
        r#"error mounting \\?"([^"\\]+)"#,
        r#"failed to stat \\?"([^"\\]+)"#,
        r#"stat (/[^\s":]+)"#,
    ]
    .iter()
    .filter_map(|p| Regex::new(p).ok())
    .collect()
});

/// What the message is about: the command, path or mount point.
fn subject(text: &str) -> Option<&str> {
    SUBJECT.iter().find_map(|r| Some(r.captures(text)?.get(1)?.as_str()))
}

/// Reads the runtime's words.
pub fn examine(case: &Case) -> Vec<Finding> {
    if image::is_waited_for(case) {
        return Vec::new();
    }
    let said = stated::at_start(case);
    let relevant = |s: &&Said| s.reason != "PostStartHookError";
    let Some((finding, s)) = said.iter().filter(relevant).find_map(|s| Some((read(case, s)?, s))) else {
        return fallback(case, &said);
    };
    let more = said.iter().find(|o| o.source != s.source && o.text.contains(s.text.get(..40).unwrap_or(s.text)));
    let finding = finding.evidence(s.evidence());
    vec![match more {
        Some(more) => finding.evidence(more.evidence()),
        None => finding,
    }]
}

fn read(case: &Case, said: &Said) -> Option<Finding> {
    let shape = shapes::of(said.text, is_by_kubelet(case))?;
    let subject = subject(said.text);
    if let Some((path, over)) =
        subject.filter(|_| shape.reason == Reason::EntrypointNotFound).and_then(|s| Some((s, mount::hiding(case, s)?)))
    {
        return Some(mount::hidden(case, path, over));
    }
    if let Some(path) = subject.filter(|s| shape.reason == Reason::WrongArchitecture && is_mounted_text(case, s)) {
        return Some(without_interpreter(case, path));
    }
    let named = subject.map(|s| format!("\"{}\"", cut(s, 120)));
    let means = match &named {
        Some(n) => shape.means.replace("{}", n),
        None => shape.means.replace(" at {}", "").replace(" {}", "").replace("{} ", ""),
    };
    let means = means.replace("{why}", &cut(stated::innermost(said.text), 160));
    // `command: ["python3 app.py"]` asks for a program with a blank in its name.
    let one_string =
        shape.reason == Reason::EntrypointNotFound && subject.is_some_and(|s| s.trim().contains(char::is_whitespace));
    let flag = shape.reason == Reason::EntrypointNotFound
        && case.container.command.is_empty()
        && subject.is_some_and(|s| s.starts_with('-'));
    let hint = match (one_string, flag) {
        (true, _) => ": a program, its arguments and the blanks between them are given as one word",
        (_, true) => ": it is an argument, and the image has no entrypoint that it could go to",
        _ => "",
    };
    let mut finding = Finding::new(
        shape.reason,
        shape.confidence,
        Basis::Stated,
        format!("{} cannot start: {means}{hint}.", case.container.name),
    )
    .advise(match subject.filter(|_| one_string) {
        Some(s) => split(s),
        None if flag => "Say what is to be run: set command (args are only appended to it, or to the image's ENTRYPOINT, which this image has none of).".to_owned(),
        None => shape.advice.replace("{}", named.as_deref().unwrap_or("it")),
    });
    if shape.reason == Reason::MountPathConflict {
        finding = mount::explain(case, subject, finding);
    }
    if shape.reason == Reason::MemoryLimitExceeded {
        finding = with_limit(case, finding);
    }
    if let Some(spec) = command_evidence(case, shape.reason) {
        finding = finding.evidence(spec);
    }
    Some(finding)
}

fn is_mounted_text(case: &Case, path: &str) -> bool {
    place::mount_of(case, path).is_some_and(|m| place::kind_of(case, m) == place::Place::Config)
}

/// What a ConfigMap or Secret holds is text: a script, which the kernel refuses where its `#!` line is missing.
fn without_interpreter(case: &Case, path: &str) -> Finding {
    let name = &case.container.name;
    Finding::new(
        Reason::EntrypointNotExecutable,
        Confidence::Likely,
        Basis::Stated,
        format!("{name} cannot start: {path} is a script without a first line that names its interpreter."),
    )
    .advise(entrypoint::name_its_interpreter(path))
    .but(entrypoint::OR_ANOTHER_CPU)
}

/// CreateContainerConfigError: the kubelet has not asked the runtime yet.
fn is_by_kubelet(case: &Case) -> bool {
    matches!(&case.container.status.state, State::Waiting { reason, .. } if reason == "CreateContainerConfigError")
}

/// The limit in question; one below a KiB is a slip of the unit (`512m` is half a byte).
fn with_limit(case: &Case, finding: Finding) -> Finding {
    let Some(limit) = case.container.resources.memory_limit else { return finding };
    let finding = finding.evidence(Evidence::new(Source::PodSpec, format!("limits.memory: {}", words::bytes(limit))));
    if limit >= 1024 {
        return finding;
    }
    finding.advise("The unit is wrong: m means thousandths and no unit means bytes; mebibytes are written Mi (512Mi).")
}

/// How a command line in one string is to be written.
fn split(line: &str) -> String {
    const SHELL: &[char] = &['|', '&', ';', '<', '>', '$', '*', '`', '(', '"', '\''];
    if line.contains(SHELL) {
        return format!(
            "Only a shell understands that line: command: [\"sh\", \"-c\"], args: [\"{}\"] (if the image has a shell).",
            cut(line, 120).replace('"', "\\\"")
        );
    }
    let words: Vec<String> = line.split_whitespace().map(|w| format!("\"{w}\"")).collect();
    format!("Write every word as an element of its own: command: [{}].", cut(&words.join(", "), 160))
}

/// Which command the spec asks for, where that is what is wrong.
fn command_evidence(case: &Case, reason: Reason) -> Option<Evidence> {
    if !matches!(reason, Reason::EntrypointNotFound | Reason::EntrypointNotExecutable) {
        return None;
    }
    let words: Vec<&str> = case.container.command_line().collect();
    let text = if words.is_empty() {
        format!("image {}; the spec sets no command, so the image's entrypoint is run", case.container.image)
    } else {
        format!("image {}, command: {}", case.container.image, cut(&words.join(" "), 200))
    };
    Some(Evidence::new(Source::PodSpec, text))
}

/// The runtime refused in words that no shape knows: still its statement, quoted.
fn fallback(case: &Case, said: &[Said]) -> Vec<Finding> {
    let Some(s) = said.iter().find(|s| {
        matches!(s.reason, "CreateContainerError" | "RunContainerError" | "StartError" | "ContainerCannotRun")
            && !s.text.is_empty()
    }) else {
        return Vec::new();
    };
    let finding = Finding::new(
        Reason::RuntimeFailure,
        Confidence::Possible,
        Basis::Stated,
        format!(
            "{} cannot start: the container runtime says: {}.",
            case.container.name,
            cut(stated::innermost(s.text), 200)
        ),
    )
    .evidence(s.evidence())
    .advise("Read the runtime's message: it names the step that failed. The runtime's log on the node has more.");
    vec![finding]
}
