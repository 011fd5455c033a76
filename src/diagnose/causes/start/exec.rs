//! Runtime errors at create and start, in the words of runc, crun, containerd, cri-o and docker.
//!
//! Where the words stand: `waiting.message` of RunContainerError / CreateContainerError / CreateContainerConfigError,
//! `terminated.message` of StartError (containerd) or ContainerCannotRun (docker, cri-o), and the event `Failed`.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::stated::{self, Said};
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

/// One shape of message: all of `has` occur (in lower case), none of `not`.
struct Shape {
    has: &'static [&'static str],
    not: &'static [&'static str],
    reason: Reason,
    confidence: Confidence,
    /// What it means; `{}` is the path, command or name that the message speaks of.
    means: &'static str,
    advice: &'static str,
}

const fn shape(
    has: &'static [&'static str],
    not: &'static [&'static str],
    reason: Reason,
    confidence: Confidence,
    means: &'static str,
    advice: &'static str,
) -> Shape {
    Shape { has, not, reason, confidence, means, advice }
}

use Confidence::{Certain, Likely, Possible};

/// First match wins: the specific shapes stand before the general ones.
#[rustfmt::skip]
static SHAPES: &[Shape] = &[
    // Memory and processes.
    shape(&["oom-killed"], &[], Reason::MemoryLimitExceeded, Certain, "the memory limit is too small even for the container's init process", "Raise the memory limit: the runtime itself needs several MiB before the program starts."),
    shape(&["memory limit too low"], &[], Reason::MemoryLimitExceeded, Certain, "the memory limit is too small even to start a process", "Raise the memory limit."),
    shape(&["minimum memory limit allowed"], &[], Reason::MemoryLimitExceeded, Certain, "the memory limit is below the runtime's minimum", "Raise the memory limit."),
    shape(&["cgroup", "no space left on device"], &[], Reason::RuntimeFailure, Likely, "the node cannot make more cgroups", "Look at the node: leaked cgroups of ended containers; draining and rebooting it helps until the kernel or runtime is updated."),
    shape(&["no space left on device"], &[], Reason::DiskFull, Certain, "the node's disk is full", "Free space on the node (images, logs, emptyDir volumes), or give it a larger disk."),
    shape(&["resource temporarily unavailable"], &[], Reason::ProcessLimitExceeded, Likely, "the node or pod may not have more processes", "Raise the pid limit of the kubelet (podPidsLimit) or find what leaks processes."),
    shape(&["too many open files"], &[], Reason::ProcessLimitExceeded, Likely, "the runtime ran out of file handles on the node", "Raise the file limits (fs.inotify, LimitNOFILE of the runtime) on the node."),
    shape(&["setting rlimits", "operation not permitted"], &[], Reason::PermissionDenied, Likely, "a limit (rlimit) that the image or runtime asks for may not be set", "Lower the ulimit that is asked for, or grant SYS_RESOURCE."),
    // Mounts.
    shape(&["are you trying to mount a directory onto a file"], &[], Reason::MountPathConflict, Certain, "a directory is mounted over a file (or the reverse) at {}", "Mount one key with subPath, or mount the volume at a directory of its own."),
    shape(&["mount", "not a directory"], &["nfs", "exit status"], Reason::MountPathConflict, Certain, "a directory is mounted over a file (or the reverse) at {}", "Mount the single file with subPath and the full file path as mountPath, or mount the volume at a directory of its own."),
    shape(&["mount", "read-only file system"], &[], Reason::MountPathConflict, Certain, "the runtime cannot make the mount point {} because what lies around it is read-only", "Do not mount below a volume that is mounted read-only; use a projected volume to join both sources, or a path outside of it."),
    shape(&["mount", "is a directory"], &[], Reason::MountPathConflict, Likely, "a file is mounted over a directory at {}", "Compare mountPath and subPath with what the image has at that path."),
    shape(&["subpath", "not a directory"], &[], Reason::MountPathConflict, Likely, "the subPath of a mount is not what the mount needs (file and directory are mixed up)", "Compare subPath with what is in the volume."),
    shape(&["failed to prepare subpath"], &[], Reason::VolumeMountFailed, Likely, "the subPath of a mount cannot be prepared in the volume", "Look at the volume: does the subPath exist, and may it be created there?"),
    shape(&["failed to create subpath"], &[], Reason::VolumeMountFailed, Likely, "the subPath of a mount cannot be created in the volume", "Look at the volume: may the subPath be created there?"),
    shape(&["cannot find volume", "to mount"], &[], Reason::VolumeMountFailed, Certain, "a mount names a volume that the pod does not have", "Compare volumeMounts with volumes in the spec."),
    shape(&["error mounting", "permission denied"], &[], Reason::VolumeMountFailed, Likely, "the runtime may not mount {}", "Check the path on the node, SELinux and the export's rights."),
    shape(&["error mounting"], &[], Reason::VolumeMountFailed, Likely, "the runtime cannot mount {}", "Check that the source exists on the node and fits to the path in the image."),
    shape(&["failed to mkdir"], &[], Reason::VolumeMountFailed, Likely, "a path of the node cannot be made for a mount", "Check the hostPath on the node."),
    shape(&["failed to stat", "no such file or directory"], &["exec:"], Reason::VolumeMountFailed, Likely, "a path of the node that is to be mounted does not exist: {}", "Create it on the node, or use a hostPath of type DirectoryOrCreate."),
    shape(&["failed to stat", "transport endpoint is not connected"], &[], Reason::VolumeMountFailed, Likely, "a mounted network file system on the node is disconnected", "Remount it on the node."),
    shape(&["bind source path does not exist"], &[], Reason::VolumeMountFailed, Likely, "a path of the node that is to be mounted does not exist", "Create it on the node."),
    // The program.
    shape(&["exec format error"], &[], Reason::WrongArchitecture, Certain, "the node cannot execute {}: it is built for another CPU architecture (or is a script without a #! line)", "Build the image for the node's architecture: docker buildx build --platform linux/amd64,linux/arm64 ."),
    shape(&["executable file", "not found"], &[], Reason::EntrypointNotFound, Certain, "the command {} is in no directory of the image's $PATH", "Correct command/args, or add the program to the image."),
    shape(&["no command specified"], &[], Reason::EntrypointNotFound, Certain, "neither the image nor the spec says what to run", "Set command in the spec, or ENTRYPOINT/CMD in the Dockerfile."),
    shape(&["chdir to cwd", "permission denied"], &[], Reason::PermissionDenied, Certain, "the user of the container may not enter its working directory {}", "Let the user enter the directory (image), or set runAsUser/workingDir to fit."),
    shape(&["chdir to cwd", "no such file"], &[], Reason::EntrypointNotFound, Likely, "the working directory {} does not exist", "Correct workingDir, or make the directory in the image."),
    shape(&["mkdir", "not a directory"], &["volumes/"], Reason::InvalidConfiguration, Likely, "the working directory {} is a file in the image", "Correct workingDir in the spec."),
    shape(&["is a directory: permission denied"], &[], Reason::EntrypointNotExecutable, Certain, "the entrypoint {} is a directory", "Name the program, not its folder."),
    shape(&["exec", "is a directory"], &["mount"], Reason::EntrypointNotExecutable, Certain, "the entrypoint {} is a directory", "Name the program, not its folder."),
    shape(&["exec", "permission denied"], &["mount", "chdir", "seccomp", "apparmor"], Reason::EntrypointNotExecutable, Certain, "the entrypoint {} may not be executed: it lacks the x bit, or the user may not reach it", "RUN chmod +x in the Dockerfile (or COPY --chmod=755); for a mounted script set defaultMode: 0755, or call it through its interpreter (sh script)."),
    shape(&["exec", "no such file or directory"], &["mounting", "namespace"], Reason::EntrypointNotFound, Certain, "the entrypoint {} does not exist in the image (or its interpreter, the #! line, does not)", "Correct command/args, or copy the program into the image."),
    shape(&["stat", "no such file or directory"], &["mounting", "namespace", "cgroup"], Reason::EntrypointNotFound, Likely, "{} does not exist in the image", "Correct command/args, or copy the program into the image."),
    shape(&["exec", "input/output error"], &[], Reason::CorruptImage, Likely, "the entrypoint {} cannot be read from the node's disk", "Remove the image from the node and pull it again; check the node's disk."),
    shape(&["exec", "text file busy"], &[], Reason::RuntimeFailure, Possible, "the entrypoint {} was being written", "It passes by itself; use an image whose start script does not change itself."),
    // Users.
    shape(&["unable to find user"], &[], Reason::CorruptImage, Likely, "the image names a user that its /etc/passwd does not have", "Use a numeric USER in the Dockerfile, or set runAsUser."),
    shape(&["unable to find group"], &[], Reason::CorruptImage, Likely, "the image names a group that its /etc/group does not have", "Use numeric ids in the Dockerfile."),
    // Devices and security modules of the node.
    shape(&["nvidia-container-cli"], &[], Reason::RuntimeFailure, Likely, "the NVIDIA runtime hook fails on the node", "Check driver and container toolkit on the node (nvidia-smi there)."),
    shape(&["gathering device information", "no such file"], &[], Reason::NodeFault, Likely, "a device that the container asks for is not on the node", "Schedule it to a node that has the device, or load its driver."),
    shape(&["apparmor"], &[], Reason::RuntimeFailure, Likely, "the node cannot apply the AppArmor profile", "Load the profile on the node, or use RuntimeDefault."),
    shape(&["seccomp"], &[], Reason::RuntimeFailure, Likely, "the node cannot apply the seccomp profile", "Put the profile on the node, or use RuntimeDefault."),
    // The runtime itself.
    shape(&["name", "is reserved"], &[], Reason::RuntimeFailure, Certain, "the runtime still holds the container's name from an earlier attempt that hangs", "Look at the node: the runtime is slow or hangs (disk load); restart it there if it does not recover."),
    shape(&["name", "is already in use"], &[], Reason::RuntimeFailure, Certain, "the runtime still holds the container's name from an earlier attempt", "Remove the dead container on the node, or restart its runtime."),
    shape(&["context deadline exceeded"], &[], Reason::RuntimeFailure, Certain, "the container runtime did not answer in time", "Look at the node: load of its disk, the runtime's log (journalctl -u containerd)."),
    shape(&["ttrpc: closed"], &[], Reason::RuntimeFailure, Likely, "the runtime's shim died", "Look at the node: the runtime's and the kernel's log (was the shim OOM-killed?)."),
    shape(&["shim"], &["runc create failed", "oci runtime"], Reason::RuntimeFailure, Likely, "the runtime's shim fails", "Look at the node: the runtime's log."),
    shape(&["code = unavailable"], &[], Reason::RuntimeFailure, Likely, "the container runtime is not reachable on the node", "Look at the node: is the runtime running?"),
    shape(&["operation not permitted"], &[], Reason::PermissionDenied, Possible, "the runtime may not set up what the spec asks for", "Compare securityContext and capabilities with what the node allows."),
];

/// What stands between quotes after `exec:`, or the path of `stat`/`mkdir`/`mounting ... at`.
static SUBJECT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"to rootfs at \\?"([^"\\]+)"#,
        r#"chdir to cwd \(\\?"([^"\\]+)"#,
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
    let said = stated::at_start(case);
    let relevant = |s: &&Said| {
        !matches!(s.reason, "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "PostStartHookError")
    };
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
    let lower = said.text.to_lowercase();
    let shape =
        SHAPES.iter().find(|s| s.has.iter().all(|w| lower.contains(w)) && !s.not.iter().any(|w| lower.contains(w)))?;
    let subject = subject(said.text);
    let named = subject.map(|s| format!("\"{}\"", cut(s, 120)));
    let means = match &named {
        Some(n) => shape.means.replace("{}", n),
        None => shape.means.replace(" {}", "").replace("{} ", ""),
    };
    let mut finding = Finding::new(
        shape.reason,
        shape.confidence,
        Basis::Stated,
        format!("{} cannot start: {means}.", case.container.name),
    )
    .advise(shape.advice);
    if let Some(spec) = command_evidence(case, shape.reason) {
        finding = finding.evidence(spec);
    }
    Some(finding)
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
        format!("{} cannot start: the container runtime says: {}", case.container.name, cut(s.text, 200)),
    )
    .evidence(s.evidence())
    .advise("Read the runtime's message: it names the step that failed. The runtime's log on the node has more.");
    vec![finding]
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
