//! Families of wordings: two of each at least, and what only looks like one.

use crate::diagnose::facts::{Mount, PodVolume, VolumeSource};
use crate::diagnose::testing::World;
use crate::diagnose::{Diagnosis, Reason};

fn found(log: &str) -> Diagnosis {
    World::new().crashed(1, "Error", 2).log(log).diagnose()
}

fn check(want: Reason, logs: &[&str]) {
    for log in logs {
        let found = found(log);
        assert_eq!(found.reason, want, "{log}\n{}", found.summary);
    }
}

fn quoted(log: &str, words: &str) {
    let found = found(log);
    assert!(found.evidence.iter().any(|e| e.detail.contains(words)), "{log}\n{:?}", found.evidence);
    assert!(found.summary.contains(words), "{log}\n{}", found.summary);
}

#[test]
fn an_offered_switch_is_no_missing_variable() {
    for log in [
        "ERROR ==> It is not safe to bootstrap from this node. If you want to force bootstrap, set the environment variable DB_FORCE_BOOTSTRAP=yes\n",
        "Error: the index is locked by another process; to override this check set the environment variable IGNORE_LOCK=1\n",
    ] {
        assert_ne!(found(log).reason, Reason::MissingEnvironmentVariable, "{log}");
    }
    check(
        Reason::MissingEnvironmentVariable,
        &["Error: APP_KEY is not set. If you want to skip this, set NO_KEY=1\n", "please set DATABASE_URL\n"],
    );
}

#[test]
fn a_device_that_is_absent_is_no_missing_right() {
    let world = |log: &str, host: bool| {
        World::new()
            .crashed(1, "Error", 2)
            .log(log)
            .with(move |w| {
                if host {
                    let source = VolumeSource::HostPath { path: "/dev".into(), kind: String::new() };
                    w.pod().volumes.push(PodVolume { name: "dev".into(), source });
                    w.container().mounts.push(Mount { volume: "dev".into(), path: "/dev".into(), ..Mount::default() });
                }
            })
            .diagnose()
    };
    for log in [
        "error: Failed to init port: Error: No such file or directory, cannot open /dev/ttyUSB0\n",
        "FATAL could not open /dev/video0: No such file or directory\n",
    ] {
        let seen = world(log, true);
        assert_eq!(seen.reason, Reason::NodeFault, "{log}");
        assert!(seen.summary.contains("has no device /dev/"), "{}", seen.summary);
        let own = world(log, false);
        assert_eq!(own.reason, Reason::PermissionDenied, "{log}");
        assert!(own.summary.contains("is not in its container"), "{}", own.summary);
    }
    let denied = world("FATAL open /dev/ttyUSB0: permission denied\n", true);
    assert_eq!(denied.reason, Reason::PermissionDenied);
    assert!(denied.summary.contains("may not use /dev/ttyUSB0"), "{}", denied.summary);
}

#[test]
fn a_full_disk_in_other_words() {
    check(
        Reason::DiskFull,
        &[
            "[ERROR] Initializing object layer failed (disk path full)\n",
            "FATAL: the data volume is full\n",
            "ERROR drive has less than the minimum free space threshold\n",
            "Error: there is not enough free disk space to start\n",
        ],
    );
    for log in ["Error: the queue is full\n", "error: full table scan refused\n"] {
        assert_ne!(found(log).reason, Reason::DiskFull, "{log}");
    }
}

#[test]
fn a_shell_that_cannot_open_its_script() {
    check(
        Reason::EntrypointNotFound,
        &["/bin/sh: 0: cannot open ./start-server.sh: No such file\n", "sh: 0: cannot open run.sh: No such file\n"],
    );
    assert_ne!(found("sh: 3: cannot open /data/x: Permission denied\n").reason, Reason::EntrypointNotFound);
}

#[test]
fn an_error_field_without_quotes_is_read_to_its_end() {
    for log in [
        "Nov 05 11:30:59.989 ERROR ship::cli: Configuration error. error=missing field `endpoint` for key `sinks.loki`\n",
        "2026-11-05T11:30:59Z ERROR app::main: Loading failed. error=missing field `endpoint` at line 3\n",
    ] {
        assert_eq!(found(log).reason, Reason::InvalidConfiguration, "{log}");
        quoted(log, "missing field `endpoint`");
    }
    check(
        Reason::InvalidConfiguration,
        &[
            "Error: unknown variant `fast`, expected one of `slow`\n",
            "Error: unknown field `listn`, expected `listen`\n",
        ],
    );
}

#[test]
fn a_warning_does_not_beat_a_later_error() {
    let gpu = "W1107 06:26:38.147148 1 memory.cc:236] pool will not be available: CUDA driver version is insufficient for CUDA runtime version\n";
    let error = "E1107 06:26:38.150360 1 repo.cc:1004] Poll failed for model '1': Invalid model name: Could not determine backend\n";
    let end = "error: creating server: Internal - failed to load all models\n";
    assert_eq!(found(&format!("{gpu}{error}{end}")).reason, Reason::InvalidConfiguration);
    assert_eq!(found(&format!("{gpu}{end}")).reason, Reason::NodeFault);
}

#[test]
fn a_lock_of_another_migration() {
    for log in [
        "rails aborted!\nActiveRecord::ConcurrentMigrationError: (ActiveRecord::ConcurrentMigrationError)\n\nCannot run migrations because another migration process is currently running.\n",
        "Error: could not start: waiting for the migration lock timed out\n",
        "Waiting for changelog lock....\n",
    ] {
        let found = found(log);
        assert!(found.summary.contains("holds a lock"), "{log}\n{}", found.summary);
        assert!(!found.summary.contains(": (ActiveRecord"), "{}", found.summary);
    }
}

#[test]
fn frames_are_not_quoted() {
    quoted(
        "2026.11.13 07:29:37.001 [ 1 ] {} <Error> Application: Caught exception while loading metadata: Code: 62, e.displayText() = DB::Exception: Incorrect user[:password]@host:port format detached, Stack trace (when copying this message, always include the lines below):\n\n0. Poco::Exception::Exception(std::string const&, int) @ 0x12723a80 in /usr/bin/clickhouse\n1. DB::Exception::Exception(std::string const&, int) @ 0xa3f52bd in /usr/bin/clickhouse\n (version 20.7.2.30)\n2026.11.13 07:29:37.110522 [ 1 ] {} <Information> Application: shutting down\n",
        "Incorrect user",
    );
    quoted(
        "2026-10-18T09:57:59.902112Z ERROR q::startup: Panic backtrace: \n   0: q::startup::setup_panic_hook::{{closure}}\n   1: std::panicking::rust_panic_with_hook\n   2: rust_begin_unwind\n   3: core::panicking::panic_fmt\n   4: raft::raft::Raft<T>::load_state\n   5: q::main\n    \n2026-10-18T09:57:59.902150Z ERROR q::startup: Panic occurred in file /src/raft.rs at line 2786: hs.commit 64 is out of range [0, 0]\n",
        "out of range",
    );
}

#[test]
fn a_word_is_no_file() {
    let found = found("ERROR: JVM config file is missing: /opt/server/etc/jvm.config\n");
    assert!(found.summary.contains("/opt/server/etc/jvm.config"), "{}", found.summary);
    assert!(!found.summary.contains("file config "), "{}", found.summary);
    assert!(self::found("error: app.toml file is missing\n").summary.contains("the file app.toml"));
}

#[test]
fn runtimes_that_end_by_their_stack() {
    for log in ["Stack overflow.\nRepeat 9 times:\n   at A.B.C(D)\n", "thread 'main' has overflowed its stack\n"] {
        let found = World::new().crashed(134, "Error", 2).log(log).diagnose();
        assert_eq!(found.reason, Reason::Aborted, "{log}");
        let first = log.lines().next().unwrap_or_default();
        assert!(found.evidence.iter().any(|e| e.detail.contains(first)), "{log}\n{:?}", found.evidence);
    }
}

#[test]
fn numbered_errors_behind_a_headline() {
    quoted(
        "2026-11-01T14:21:29.410Z\tERROR\tmain\tio.trino.server.Server\tConfiguration is invalid\n==========\n\nErrors:\n\n1) Configuration property 'web-ui.user' was not used\n\n1 error\n\n==========\n",
        "web-ui.user",
    );
    quoted(
        "ERROR Configuration is invalid\nErrors:\n1) Configuration property 'a.first' was not used\n2) Configuration property 'b.second' was not used\n2 errors\n",
        "a.first",
    );
}

#[test]
fn elixir_says_what_stands_behind_its_headline() {
    let log = "ERROR! Config provider Config.Reader failed with:\n** (ArgumentError) errors were found at the given arguments:\n\n  * 1st argument: not a textual representation of an integer\n\n    :erlang.binary_to_integer(\"tcp://10.96.174.248:5432\")\n    /app/runtime.exs:37: (file)\n";
    let found = found(log);
    assert_eq!(found.reason, Reason::InvalidConfiguration, "{}", found.summary);
    let command = found.remediation[0].command.as_deref().unwrap_or_default();
    assert!(command.contains("enableServiceLinks"), "{command}");
}

#[test]
fn haproxy_says_where_before_it_says_that() {
    quoted(
        "[ALERT]    (1) : parsing [/etc/haproxy/haproxy.cfg:325] : 'bind x' : 'crt-list' : cannot open the file '/var/lib/haproxy/default.pem'.\n[ALERT]    (1) : Error(s) found in configuration file : /etc/haproxy/haproxy.cfg\n[ALERT]    (1) : Fatal errors found in configuration.\n",
        "default.pem",
    );
    let known = "[ALERT] (1) : parsing [/etc/haproxy.cfg:12] : unknown keyword 'fooo' in 'global' section\n[ALERT] (1) : Fatal errors found in configuration.\n";
    quoted(known, "unknown keyword 'fooo'");
}

#[test]
fn data_of_another_installation_names_its_claim() {
    for log in [
        "BookieException$InvalidCookieException: instanceId 70fa is not matching with 2024\n",
        "kafka.common.InconsistentClusterIdException: The Cluster ID a doesn't match stored clusterId b in meta.properties\n",
    ] {
        let world = World::new().crashed(1, "Error", 2).log(log).with(|w| {
            let source = VolumeSource::Claim { name: "data-0".into(), read_only: false };
            w.pod().volumes.push(PodVolume { name: "data".into(), source });
            w.container().mounts.push(Mount { volume: "data".into(), path: "/data".into(), ..Mount::default() });
        });
        let found = world.diagnose();
        let advice: String = found.remediation.iter().map(|r| r.text.as_str()).collect();
        assert!(advice.contains("data of another"), "{log}\n{advice}");
    }
}

#[test]
fn files_left_by_an_unclean_stop() {
    for log in [
        "F1102 20:04:49.021841 1 main.go:29] Server Stopped: failed to init store: Value log truncate required to run DB. This might result in data loss\n",
        "error: the database was not closed properly\n",
    ] {
        let found = found(log);
        let advice: String = found.remediation.iter().map(|r| r.text.as_str()).collect();
        assert!(advice.contains("unclean stop"), "{log}\n{advice}");
    }
}

#[test]
fn a_tool_of_the_build_is_missing() {
    check(
        Reason::MissingModule,
        &[
            "Could not find Hex, which is needed to build dependency :credo\n** (Mix) Could not find an SCM for dependency :credo from App.MixProject\nShall I install Hex? (if running non-interactively, use \"mix local.hex --force\") [Yn] \n",
            "Could not find rebar3, which is needed to build dependency :cowboy\n",
        ],
    );
    assert!(found("Could not find Hex, which is needed to build dependency :credo\n** (Mix) Could not find an SCM for dependency :credo from App.MixProject\n").summary.contains("Hex is not in the image"));
}

#[test]
fn a_kernel_that_is_too_old() {
    check(
        Reason::NodeFault,
        &[
            "level=fatal msg=\"kernel version: NOT OK: minimal supported kernel version is 4.9.17; kernel version that is running is: 3.10.0\" subsys=linux\n",
            "FATAL: kernel too old\n",
        ],
    );
    assert_ne!(found("Error: could not resolve Linux kernel version\n").reason, Reason::DependencyUnavailable);
    assert_ne!(found("INFO kernel version: 6.8.0\nError: boom\n").reason, Reason::NodeFault);
}
