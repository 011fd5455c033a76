//! Runtime errors at create and start, in the words of runc, crun, containerd, cri-o and docker.
//!
//! Where the words stand: `waiting.message` of RunContainerError / CreateContainerError / CreateContainerConfigError,
//! `terminated.message` of StartError (containerd) or ContainerCannotRun (docker, cri-o), and the event `Failed`.

use std::sync::LazyLock;

use regex::Regex;

use super::{image, mount, shapes};
use crate::diagnose::stated::{self, Said};
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

/// What stands between quotes after `exec:`, or the path of `stat`/`mkdir`/`mounting ... at`.
static SUBJECT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"to rootfs at \\?"([^"\\]+)"#,
        r#"chdir to cwd \(\\?"([^"\\]+)"#,
        r"chdir to `([^`]+)`",
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
    let shape = shapes::of(said.text)?;
    let subject = subject(said.text);
    let named = subject.map(|s| format!("\"{}\"", cut(s, 120)));
    let means = match &named {
        Some(n) => shape.means.replace("{}", n),
        None => shape.means.replace(" {}", "").replace("{} ", ""),
    };
    // `command: ["python3 app.py"]` asks for a program with a blank in its name.
    let one_string =
        shape.reason == Reason::EntrypointNotFound && subject.is_some_and(|s| s.trim().contains(char::is_whitespace));
    let hint =
        if one_string { ": a program, its arguments and the blanks between them are given as one word" } else { "" };
    let mut finding = Finding::new(
        shape.reason,
        shape.confidence,
        Basis::Stated,
        format!("{} cannot start: {means}{hint}.", case.container.name),
    )
    .advise(match subject.filter(|_| one_string) {
        Some(s) => split(s),
        None => shape.advice.to_owned(),
    });
    if shape.reason == Reason::MountPathConflict {
        finding = mount::explain(case, subject, finding);
    }
    if let Some(spec) = command_evidence(case, shape.reason) {
        finding = finding.evidence(spec);
    }
    Some(finding)
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
        format!("{} cannot start: the container runtime says: {}", case.container.name, cut(innermost(s.text), 200)),
    )
    .evidence(s.evidence())
    .advise("Read the runtime's message: it names the step that failed. The runtime's log on the node has more.");
    vec![finding]
}

/// What is left of a runtime's message without the frames that wrap every one of them.
fn innermost(text: &str) -> &str {
    const FRAMES: &[&str] = &[
        "unable to start container process: ",
        "starting container process caused: ",
        "OCI runtime create failed: ",
        "failed to create shim task: ",
        "container create failed: ",
        "desc = ",
    ];
    FRAMES
        .iter()
        .find_map(|f| text.rfind(f).map(|i| &text[i + f.len()..]))
        .unwrap_or(text)
        .trim_end_matches(": unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    fn start_error(message: &str) -> World {
        let mut w = World::new().crashed(128, "StartError", 0);
        let last = w.container().status.last.as_mut().expect("crashed");
        last.started = None;
        last.message = message.into();
        w
    }

    #[test]
    fn start_errors_are_read_in_the_words_of_every_runtime() {
        let cases = [
            (
                r#"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "wge": executable file not found in $PATH"#,
                Reason::EntrypointNotFound,
                "wge",
            ),
            (
                r#"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/app/server": stat /app/server: no such file or directory: unknown"#,
                Reason::EntrypointNotFound,
                "/app/server",
            ),
            (
                r#"OCI runtime create failed: container_linux.go:370: starting container process caused: exec: "/app/run.sh": permission denied: unknown"#,
                Reason::EntrypointNotExecutable,
                "/app/run.sh",
            ),
            (
                r#"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/x/volumes/kubernetes.io~configmap/v" to rootfs at "/etc/nginx/nginx.conf": mount /var/lib/kubelet/pods/x/v:/etc/nginx/nginx.conf: not a directory"#,
                Reason::MountPathConflict,
                "/etc/nginx/nginx.conf",
            ),
            (
                r"failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: mkdir /bin/sh: not a directory",
                Reason::InvalidConfiguration,
                "/bin/sh",
            ),
            (
                r"OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown",
                Reason::MemoryLimitExceeded,
                "memory limit",
            ),
            (
                r"OCI runtime create failed: runc create failed: unable to start container process: exec /app: exec format error",
                Reason::WrongArchitecture,
                "/app",
            ),
            (
                r"crun: executable file `frob` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
                Reason::EntrypointNotFound,
                "not exist",
            ),
        ];
        for (message, reason, word) in cases {
            let w = start_error(message);
            let found = w.examine(examine);
            assert_eq!(found.first().map(|f| f.reason), Some(reason), "{message}");
            assert!(found[0].summary.contains(word) || reason == Reason::EntrypointNotFound, "{}", found[0].summary);
            assert!(found[0].evidence.iter().any(|e| e.detail.contains(&message[..60])), "the message is quoted");
        }
    }

    #[test]
    fn a_container_that_ran_is_not_a_start_error() {
        let w = World::new().crashed(1, "Error", 5).event("Failed", "Error: exec: \"x\": permission denied", 1);
        assert!(w.examine(examine).is_empty());
    }

    #[test]
    fn a_hanging_runtime_is_named() {
        let w = World::new().waiting(
            "CreateContainerError",
            r#"failed to reserve container name "app_web-1_shop_0": name "app_web-1_shop_0" is reserved for "0c1d""#,
        );
        assert_eq!(w.examine(examine)[0].reason, Reason::RuntimeFailure);
        let w = World::new().waiting("CreateContainerError", "context deadline exceeded");
        assert_eq!(w.examine(examine)[0].reason, Reason::RuntimeFailure);
    }

    #[test]
    fn unknown_words_are_quoted_and_not_called_certain() {
        let w = World::new().waiting("RunContainerError", "the frobnicator refused");
        let found = w.examine(examine);
        assert_eq!((found[0].reason, found[0].confidence), (Reason::RuntimeFailure, Confidence::Possible));
        assert!(found[0].summary.contains("frobnicator"));
    }
}
