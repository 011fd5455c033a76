//! How whole logs are read.

use super::{Concept, analyse};

#[test]
fn the_line_that_names_the_file_beats_its_bare_repetition() {
    let log = "npm ERR! code ENOENT\nnpm ERR! syscall open\nnpm ERR! enoent ENOENT: no such file or directory, open '/srv/package.json'\nnpm ERR! enoent This is related to npm not being able to find a file.\nnpm ERR! enoent \n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/_logs/debug.log\n";
    let report = analyse(log);
    assert_eq!(report.failures[0].subject.as_deref(), Some("/srv/package.json"), "{:?}", report.failures);
}

/// Concept, subject and brief of the most causal failure.
fn first(log: &str) -> (Concept, Option<String>, String) {
    let failure = analyse(log).failures.into_iter().next().expect("a failure");
    (failure.concept, failure.subject, failure.brief)
}

#[test]
fn of_message_and_error_the_error_says_why() {
    let (concept, _, brief) = first(
        "2026-01-18T10:01:00Z\tERROR\tsetup\tunable to reach inventory\t{\"error\": \"x509: certificate signed by unknown authority\"}\nmain.main\n\t/workspace/main.go:84\n",
    );
    assert_eq!(concept, Concept::CertificateInvalid);
    assert!(brief.contains("unable to reach inventory") && brief.ends_with("unknown authority"), "{brief}");
}

#[test]
fn a_general_word_hands_over_to_what_is_wrong() {
    for (log, want) in [
        (
            "ALERT: [pool www] pm.max_children must be a positive value\nERROR: failed to post process the configuration\n",
            "pm.max_children",
        ),
        (
            "[ALERT] (1) : config : no such directive\nbind: unknown keyword 'foo' in section\n[ALERT] (1) : config : Fatal errors found in configuration.\n",
            "foo",
        ),
        (
            "*** FATAL CONFIG FILE ERROR (Redis 7.0) ***\nReading the configuration file, at line 9\n>>> 'maxmemory 1.5gb'\nargument must be a memory value\n",
            "maxmemory 1.5gb: argument must",
        ),
        (
            "level=error msg=\"Error loading config\" err=\"yaml: unmarshal errors:\\n  line 4: field x not found\"\n",
            "field x not found",
        ),
    ] {
        let (concept, _, brief) = first(log);
        assert_eq!(concept, Concept::BadConfig, "{log}");
        assert!(brief.contains(want), "{brief}");
    }
}

#[test]
fn warnings_of_a_child_inside_an_error_are_not_the_error() {
    let log = "ERROR: mariadbd failed while checking\n\t2026-01-27 15:11:20 0 [Warning] Can't create test file '/x' (Errcode: 13 \"Permission denied\")\n\t2026-01-27 15:11:20 0 [ERROR] mariadbd: unknown variable 'a=b'\n";
    assert_eq!(first(log).1.as_deref(), Some("a=b"));
}

#[test]
fn the_part_that_names_its_object_is_preferred() {
    let log = "Error: request failed\n    at f (x.js:1:1) {\n  statusCode: 403,\n  message: 'pods is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \"pods\"',\n}\n";
    assert_eq!(first(log).1.as_deref(), Some("system:serviceaccount:a:b"));
}

#[test]
fn settings_classes_name_the_variable() {
    let log = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\npydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\ndatabase_url\n  Field required [type=missing, input_value={}, input_type=dict]\n";
    assert_eq!(first(log).0, Concept::EnvMissing);
    assert_eq!(first(log).1.as_deref(), Some("DATABASE_URL"));
    assert_eq!(first(&log.replace("Settings", "Order")).0, Concept::BadConfig);
}

#[test]
fn a_panic_of_several_lines_is_one_text() {
    let log = "thread 'main' panicked at src/main.rs:88:5:\nRocket failed to bind network socket to given address/port.\nPermission denied (os error 13)\nnote: run with `RUST_BACKTRACE=1`\n";
    assert_eq!(first(log).0, Concept::NotPermitted);
}

#[test]
fn what_a_server_answers_is_no_failure_to_reach_it() {
    let log = "connection to server at \"pg\" (10.0.0.9), port 5432 failed: FATAL:  database \"shop\" does not exist\n";
    assert_eq!(first(log).1.as_deref(), Some("shop"));
}

#[test]
fn a_time_out_without_a_name_takes_the_peer_of_the_line_before() {
    let log = "{\"level\":\"INFO\",\"fields\":{\"message\":\"connecting\",\"host\":\"tsdb.metrics.svc\",\"port\":5432}}\nError: pool timed out while waiting for an open connection\n";
    let target = analyse(log).failures[0].target.clone().expect("a peer");
    assert_eq!((target.host.as_str(), target.port), ("tsdb.metrics.svc", Some(5432)));
}

#[test]
fn parts_that_stop_on_their_own_do_not_take_the_failure_back() {
    use super::Weight;
    let log = "INFO\tStopping and waiting for leader election runnables\nERROR\tproblem running manager: open /certs/tls.crt: no such file or directory\n";
    assert_eq!(analyse(log).failures[0].weight, Weight::Terminal);
}

#[test]
fn an_error_about_one_request_is_no_failure_of_the_server() {
    let line = r#"2026/11/28 20:16:19 [error] 6#6: *2 open() "/usr/share/nginx/html/healthz" failed (2: No such file or directory), client: 10.244.4.1, server: , request: "GET /healthz HTTP/1.1", host: "10.244.5.141:80""#;
    assert!(super::analyse(line).failures.is_empty());
    let start =
        r#"2026/11/28 20:16:19 [emerg] 1#1: open() "/etc/nginx/conf.d/x.conf" failed (2: No such file or directory)"#;
    assert_eq!(super::analyse(start).failures.len(), 1);
}

#[test]
fn a_path_that_could_not_be_made_is_not_what_is_missing() {
    let cannot = "mkdir: cannot create directory '/mnt/x/setup': Permission denied\ntar: Error is not recoverable: exiting now\nmv: cannot stat '/mnt/x/setup/app': No such file or directory\n";
    assert_eq!(first(cannot).0, Concept::FilePermission);
    let full = "OSError: [Errno 28] No space left on device: '/cache/index'\nError: open /cache/index: no such file or directory\n";
    assert_eq!(first(full).0, Concept::DiskFull);
    let other = "chmod: changing permissions of '/etc/hosts': Permission denied\nError: open /cache/index: no such file or directory\n";
    assert_eq!(first(other).0, Concept::FileMissing);
}

#[test]
fn a_wait_that_was_given_up_is_about_what_was_waited_for() {
    for log in [
        "db:5432 - no response\ndb:5432 - no response\ngiving up\n",
        "db:5432 - rejecting connections\nexiting\n",
        "[wait] tcp://db:5432 unreachable (attempt 3/3)\n[wait] aborting\n",
        "db:5432 is not up yet, retry 2/2\nexiting\n",
    ] {
        let failure = analyse(log).failures.into_iter().next().expect("a failure");
        assert_eq!(failure.concept, Concept::CannotConnect, "{log}");
        assert_eq!(failure.target.map(|t| (t.host, t.port)), Some(("db".into(), Some(5432))), "{log}");
    }
}

#[test]
fn an_environment_that_is_too_large_is_a_matter_of_the_spec() {
    for log in [
        "exec /usr/local/bin/docker-entrypoint.sh: argument list too long\n",
        "standard_init_linux.go:211: exec user process caused \"argument list too long\"\n",
    ] {
        assert_eq!(first(log).0, Concept::BadConfig, "{log}");
    }
    assert_ne!(first("/bin/sh: 1: rm: Argument list too long\nerror: cleanup failed\n").0, Concept::BadConfig);
}

#[test]
fn what_the_machine_lacks_is_not_the_programs_fault() {
    assert_eq!(
        first("+ iptables -t nat -A X -j REDIRECT\niptables: No chain/target/match by that name.\n").0,
        Concept::NodeFeature
    );
    let pages = "<jemalloc>: Unsupported system page size\nmemory allocation of 5 bytes failed\n";
    assert_eq!(first(pages).0, Concept::WrongArchitecture);
}

#[test]
fn the_whole_path_is_named() {
    for (log, path) in [
        ("Error: Cannot find configuration directory: /etc/hadoop\n", "/etc/hadoop"),
        ("Could not find config dir /etc/app/conf.d\n", "/etc/app/conf.d"),
        ("fatal: unable to locate data file '/opt/a/b.bin'\n", "/opt/a/b.bin"),
    ] {
        let (concept, subject, _) = first(log);
        assert_eq!((concept, subject.as_deref()), (Concept::FileMissing, Some(path)), "{log}");
    }
}

#[test]
fn giving_up_to_wait_hands_over_to_what_was_waited_for() {
    for log in [
        "I0502 12:09:29.113041       1 api.go:104] \"Not ready\" err=\"failed calling webhook: Post \\\"https://hook.sys.svc:443/x\\\": dial tcp 10.98.7.196:443: connect: connection refused\"\nerror: timed out waiting for the condition\n",
        "sync: dial tcp 10.98.7.196:443: connect: connection refused\nlevel=error msg=\"error running Store\" err=\"failed services\"\n",
    ] {
        let failure = &analyse(log).failures[0];
        assert_eq!(failure.concept, Concept::CannotConnect, "{log}");
        assert_eq!(failure.target.as_ref().map(|t| t.host.as_str()), Some("10.98.7.196"), "{log}");
    }
}

#[test]
fn stack_traces_between_two_failures_do_not_part_them() {
    let frames = "\tat a.b.C.connect(C.java:1)\n".repeat(12);
    let log = format!(
        "java.net.UnknownHostException: updates.example.org\n{frames}Error getting index\ncom.example.IndexException: Error getting index\n{frames}"
    );
    assert_eq!(first(&log).0, Concept::NameNotResolved);
}

#[test]
fn what_a_supervisor_passes_on_counts_as_its_child_said_it() {
    for log in [
        "{\"level\":\"info\",\"msg\":\"record\",\"record\":{\"error_severity\":\"FATAL\",\"message\":\"could not write to file \\\"pg_wal/x\\\": No space left on device\"}}\n",
        "{\"level\":\"info\",\"msg\":\"child\",\"entry\":{\"level\":\"error\",\"message\":\"write /var/lib/x: no space left on device\"}}\n",
    ] {
        assert_eq!(first(log).0, Concept::DiskFull, "{log}");
    }
    let quiet = "{\"level\":\"info\",\"msg\":\"record\",\"record\":{\"level\":\"info\",\"message\":\"no space left on device is what we test\"}}\n";
    assert!(analyse(quiet).failures.is_empty(), "{:?}", analyse(quiet).failures);
}

#[test]
fn what_may_not_be_read_is_not_missing() {
    let log = "-1 store(/data/osd/block) failed to open /data/osd/block: (13) Permission denied\n-1 ** ERROR: unable to open superblock on /data/osd: (2) No such file or directory\n";
    assert_eq!(first(log).0, Concept::FilePermission);
    let other = log.replace("/data/osd/block", "/etc/other");
    assert_eq!(first(&other).0, Concept::FileMissing);
}

#[test]
fn a_bare_errno_is_told_with_its_file() {
    let log = "E engine: file:a.wt, connection: /data/db/a.wt: handle-open: open: Operation not permitted\nF Reason: 1: Operation not permitted\n";
    let (concept, subject, _) = first(log);
    assert_eq!((concept, subject.as_deref()), (Concept::FilePermission, Some("/data/db/a.wt")));
}

#[test]
fn the_plain_line_stands_for_the_dump_that_repeats_it() {
    let log = "ERROR: Cookie file /var/lib/q/.cookie must be accessible by owner only\n{\"init terminating in do_boot\",{error,{badmatch,{auth,{\"Cookie file /var/lib/q/.cookie must be accessible by owner only\",[{auth,init,0,[]}]}}}}}\n";
    let brief = first(log).2;
    assert_eq!(brief, "Cookie file /var/lib/q/.cookie must be accessible by owner only");
}

#[test]
fn the_socket_that_was_announced_is_the_peer() {
    let log = "I1 main.go:1] Connecting to unix:///csi/csi.sock\nW1 main.go:2] Still connecting to unix:///csi/csi.sock\nE1122 10:00:00.000000       1 main.go:3] error connecting to driver: context deadline exceeded\n";
    let (concept, subject, _) = first(log);
    assert_eq!((concept, subject.as_deref()), (Concept::CannotConnect, Some("/csi/csi.sock")));
}

#[test]
fn a_fatal_end_beats_what_a_helper_says_behind_it() {
    let log = "FATAL: Exception during startup, aborting: std::runtime_error (Could not setup Async I/O. Not enough request capacity in /proc/sys/fs/aio-max-nr. Try increasing that number)\n2026-01-01 00:00:00,000 INFO exited: server (exit status 7)\nTraceback (most recent call last):\n  File \"housekeeping\", line 1, in <module>\nurllib.error.URLError: <urlopen error [Errno 111] Connection refused>\n";
    let (concept, subject, _) = first(log);
    assert_eq!((concept, subject.as_deref()), (Concept::ProcessLimit, Some("/proc/sys/fs/aio-max-nr")));
}

#[test]
fn wordings_of_one_idea() {
    for (log, want) in [
        ("FATAL: node db-1 belongs to a different cluster: 72 != 73\n", Concept::BadConfig),
        ("CRITICAL: cluster ID mismatch, want a, have b\n", Concept::BadConfig),
        ("Exception: My id 2 not in the peer list\n", Concept::BadConfig),
        ("ERROR: server version 5.1 is too old, at least 5.7 is required\n", Concept::BadConfig),
        ("ERROR: kubernetes version \"1.17\" is not compatible, need at least \"1.18\"\n", Concept::BadConfig),
        ("ERROR: no private IP address found, and explicit IP not provided\n", Concept::BadConfig),
        ("ERROR: no useable address found for interfaces [eth0]\n", Concept::BadConfig),
        ("[ERROR] it may not be safe to bootstrap the cluster from this node\n", Concept::BadData),
        ("ERROR: unsupported WiredTiger file version: this build is older\n", Concept::BadData),
        ("ERROR: the store was written by a newer version\n", Concept::BadData),
        ("ERROR: Detected low-disk space condition\n", Concept::DiskFull),
        ("ERROR: insufficient disk on /data\n", Concept::DiskFull),
        ("FATAL: webhook service is not accessible on cluster after 1m\n", Concept::CannotConnect),
        ("FATAL: timed out waiting for endpoint https://a.b.svc:9501/healthz\n", Concept::CannotConnect),
        ("Error: Could not open configuration file. Aborting\n", Concept::FileMissing),
        ("[ERROR] Didn't find any ready gateway instances.\n", Concept::CannotConnect),
        ("ERROR: could not find any healthy upstream hosts\n", Concept::CannotConnect),
        ("ERROR: not all services were operational\n", Concept::CannotConnect),
        ("ERROR: the file nodes.conf is already used by a different node\n", Concept::BadConfig),
        ("ERROR: data directory is already locked by another instance\n", Concept::BadConfig),
        ("ERROR: the member has been permanently removed from the cluster\n", Concept::BadConfig),
        ("Can't resolve master instance hostname.\n", Concept::NameNotResolved),
        ("FATAL: fs.inotify.max_user_instances is exhausted\n", Concept::ProcessLimit),
    ] {
        assert_eq!(first(log).0, want, "{log}");
    }
}

#[test]
fn a_level_before_the_head_of_a_traceback_hides_nothing() {
    for head in ["ERROR:    ", "[CRITICAL] ", ""] {
        let log = format!(
            "INFO:     Waiting for application startup.\n{head}Traceback (most recent call last):\n  File \"/app/main.py\", line 72, in lifespan\n    await connect(app)\npsycopg_pool.PoolTimeout: pool initialization incomplete after 30.0 sec\n\nERROR:    Application startup failed. Exiting.\n"
        );
        assert_eq!(first(&log).0, Concept::CannotConnect, "{head}");
    }
}

#[test]
fn a_database_that_recovers_is_a_peer_with_or_without_a_level() {
    for log in [
        "error: the database system is not yet accepting connections\n",
        "FATAL:  the database system is not accepting connections\n",
        "error: cannot open session (SQLSTATE: 57P03)\n",
    ] {
        assert_eq!(first(log).0, Concept::CannotConnect, "{log}");
    }
}

#[test]
fn a_folder_of_sockets_is_no_host() {
    let report = analyse("restarting\n/tmp:5432 - no response\n/var/run/postgresql:5432 - rejecting connections\n");
    assert_eq!(report.target(), None);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(first("db:5432 - no response\n").0, Concept::CannotConnect);
}
