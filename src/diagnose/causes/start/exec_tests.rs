//! Tests of `exec`: the words of many runtimes.

use super::exec::examine;
use crate::diagnose::testing::World;
use crate::diagnose::{Confidence, Reason};

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
fn words_that_only_look_like_those_of_a_program() {
    for (message, reason) in [
        (
            "unable to start container process: error during container init: unable to apply apparmor profile: apparmor failed to apply profile: write /proc/self/attr/apparmor/exec: no such file or directory: unknown",
            Reason::RuntimeFailure,
        ),
        (
            "OCI runtime create failed: unable to retrieve OCI runtime error (open /run/containerd/x/log.json: no such file or directory): runc did not terminate successfully: exit status 127: unknown",
            Reason::RuntimeFailure,
        ),
        ("failed to start shim: mkdir /run/containerd/x: read-only file system: unknown", Reason::NodeFault),
        (
            r#"container_linux.go:349: starting container process caused "exec: \"/entrypoint.sh\": permission denied": unknown"#,
            Reason::EntrypointNotExecutable,
        ),
        ("invalid capability: unknown capability to add: CAP_NET_ADMIN", Reason::InvalidConfiguration),
    ] {
        let found = start_error(message).examine(examine);
        assert_eq!(found.first().map(|f| f.reason), Some(reason), "{message}");
    }
}

#[test]
fn a_command_line_in_one_string_is_split_in_the_advice() {
    let found = start_error(r#"exec: "python3 app.py": executable file not found in $PATH: unknown"#).examine(examine);
    assert_eq!(
        found[0].remediation[0].text,
        "Write every word as an element of its own: command: [\"python3\", \"app.py\"]."
    );
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

#[test]
fn windows_says_it_in_its_own_words() {
    for (message, reason, words) in [
        (
            "failed to create containerd task: failed to create shim task: hcs::CreateComputeSystem app: The container operating system does not match the host operating system.: unknown",
            Reason::WrongArchitecture,
            "another Windows version",
        ),
        (
            "Error response from daemon: container 0238 encountered an error during CreateContainer: failure in a Windows system call: The operating system of the container does not match the operating system of the host. (0xc0370101)",
            Reason::WrongArchitecture,
            "another Windows version",
        ),
        (
            "failed to create containerd task: failed to create shim task: hcs::System::CreateProcess app: The system cannot find the file specified.: unknown",
            Reason::EntrypointNotFound,
            "cannot find the file specified",
        ),
        (
            "failed to create containerd task: failed to create shim task: hcs::CreateComputeSystem 0238a43119b6620289ef8e8d747a773f999ddc1b0b160739799de102f08d4e45: The requested operation for attach namespace failed.: unknown",
            Reason::RuntimeFailure,
            "fails: The requested operation for attach namespace failed.",
        ),
    ] {
        let found = start_error(message).examine(examine);
        assert_eq!(found.first().map(|f| f.reason), Some(reason), "{message}");
        assert!(found[0].summary.contains(words), "{}", found[0].summary);
    }
}

#[test]
fn the_kubelet_looks_at_the_nodes_files_only() {
    let words = "stat /srv/data/db: no such file or directory";
    let found = World::new().waiting("CreateContainerConfigError", words).examine(examine);
    assert_eq!(found[0].reason, Reason::VolumeMountFailed);
    assert!(found[0].summary.contains("\"/srv/data/db\" of the node"), "{}", found[0].summary);
    let found = World::new().waiting("RunContainerError", words).examine(examine);
    assert_eq!(found[0].reason, Reason::EntrypointNotFound);
}

#[test]
fn the_innermost_words_are_quoted() {
    for (message, words) in [
        (
            "running hook #0: error running hook: exit status 1, stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: device error: 0: unknown device: unknown",
            "on the node: nvidia-container-cli: device error: 0: unknown device.",
        ),
        (
            "process_linux.go:545: container init caused: mounting \"sysfs\" to rootfs caused: mount through procfd: operation not permitted\"\n",
            "asks for: mount through procfd: operation not permitted.",
        ),
    ] {
        let found = World::new().waiting("RunContainerError", message).examine(examine);
        assert!(found[0].summary.contains(words), "{}", found[0].summary);
    }
}

#[test]
fn a_limit_in_thousandths_of_a_byte_is_a_slip_of_the_unit() {
    let small = |limit: u64| {
        World::new()
            .waiting("CreateContainerError", "Error response from daemon: Minimum memory limit allowed is 6MB")
            .with(|w| w.container().resources.memory_limit = Some(limit))
            .examine(examine)
    };
    assert!(small(1)[0].remediation.iter().any(|r| r.text.contains("unit is wrong")));
    assert!(!small(2 << 20)[0].remediation.iter().any(|r| r.text.contains("unit is wrong")));
}

#[test]
fn an_argument_is_no_command() {
    let text = r#"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "--port=8080": executable file not found in $PATH"#;
    let world = World::new().waiting("RunContainerError", text).with(|w| {
        w.container().args = vec!["--port=8080".into()];
        w.container().command.clear();
    });
    let found = world.diagnose();
    assert_eq!(found.reason, Reason::EntrypointNotFound);
    assert!(found.remediation[0].text.contains("set command"), "{:?}", found.remediation);
}

#[test]
fn the_quotes_within_quotes_of_old_runtimes_are_opened() {
    let old = r#"OCI runtime create failed: container_linux.go:345: starting container process caused "process_linux.go:430: container init caused \"write /proc/16775/oom_score_adj: invalid argument\"": unknown"#;
    let found = start_error(old).examine(examine);
    assert_eq!(
        found[0].summary,
        "app cannot start: the container runtime says: write /proc/16775/oom_score_adj: invalid argument."
    );
    let gone = r#"container_linux.go:345: starting container process caused "process_linux.go:424: container init caused \"rootfs_linux.go:58: mounting \\\"/var/lib/kubelet/pods/x/volume-subpaths/conf/app/0\\\" to rootfs \\\"/var/lib/docker/o\\\" at \\\"/etc/app.yml\\\" caused \\\"no such file or directory\\\"\"": unknown"#;
    assert_eq!(start_error(gone).examine(examine)[0].reason, Reason::VolumeMountFailed);
    let long = "exec /entrypoint.sh: argument list too long";
    assert_eq!(start_error(long).examine(examine)[0].reason, Reason::InvalidConfiguration);
}
