//! Reasons from logs, with the spec that decides boundary cases.

use crate::diagnose::Reason;
use crate::diagnose::testing::World;

fn reason(log: &str) -> Reason {
    World::new().crashed(1, "Error", 2).log(log).diagnose().reason
}

#[test]
fn plain_reasons() {
    for (log, want) in [
        ("dial tcp 10.96.0.42:5432: connect: connection refused\n", Reason::DependencyUnavailable),
        ("KeyError: 'DATABASE_URL'\n", Reason::MissingEnvironmentVariable),
        ("exec /app/server: exec format error\n", Reason::WrongArchitecture),
    ] {
        assert_eq!(reason(log), want, "{log}");
    }
}

fn advice(world: &crate::diagnose::testing::World) -> String {
    world.diagnose().remediation.iter().map(|r| r.text.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_dot_folder_at_the_root_is_a_user_without_a_home() {
    for (log, path) in [
        ("Error: EACCES: permission denied, mkdir '/.n8n'\n", "/.n8n"),
        ("Failed to create cookie file '/.erlang.cookie': eacces\n", "/.erlang.cookie"),
    ] {
        let world = World::new().crashed(1, "Error", 2).log(log);
        assert_eq!(world.diagnose().reason, Reason::PermissionDenied);
        assert!(advice(&world).contains("HOME") && advice(&world).contains(path), "{log}");
    }
}

#[test]
fn an_entrypoint_that_switches_users_wants_root() {
    for log in [
        "su-exec: setgroups: Operation not permitted\n",
        "error: failed switching to \"app\": operation not permitted\n",
    ] {
        let world = World::new().crashed(1, "Error", 0).log(log);
        assert_eq!(world.diagnose().reason, Reason::PermissionDenied, "{log}");
        assert!(advice(&world).contains("switches to another user"), "{log}");
    }
}

#[test]
fn the_url_of_a_service_in_a_port_is_a_service_link() {
    for log in [
        "listen tcp: address tcp://10.96.7.3:8080: too many colons in address\n",
        "cannot parse 'port' as int: strconv.ParseInt: parsing \"tcp://10.96.7.3:80\": invalid syntax\n",
        "5f24e641 daemon: listen URL \"ldap://web-1:tcp://10.96.7.3:389\" parse error=5\n",
    ] {
        let world = World::new().crashed(1, "Error", 0).log(log);
        let found = world.diagnose();
        assert_eq!(found.reason, Reason::InvalidConfiguration, "{log}");
        let command = found.remediation[0].command.as_deref().unwrap_or_default();
        assert!(command.contains("enableServiceLinks"), "{log}: {command}");
    }
}

#[test]
fn locks_of_others_are_to_be_released() {
    for log in [
        "liquibase.exception.LockException: Could not acquire change log lock.  Currently locked by web-0 (10.2.2.1)\n",
        "sqlite3.OperationalError: database is locked\n",
    ] {
        let world = World::new().crashed(1, "Error", 2).log(log);
        assert!(world.diagnose().summary.contains("lock"), "{}", world.diagnose().summary);
    }
}

#[test]
fn the_end_of_a_virtual_machine_hands_over_to_the_words_before_it() {
    let log = "=INFO REPORT==== 3-Nov-2023::09:50:06 ===\nCan't set long node name!\nPlease check your configuration\n\n=CRASH REPORT==== 3-Nov-2023::09:50:06 ===\n  crasher:\n    initial call: net_kernel:init/1\nKernel pid terminated (application_controller) ({application_start_failure,kernel,{{shutdown,x},{kernel,start,[normal,[]]}}})\n";
    let found = World::new().crashed(1, "Error", 2).log(log).diagnose();
    assert_eq!(found.reason, Reason::InvalidConfiguration);
    assert!(found.summary.contains("Can't set long node name"), "{}", found.summary);
}

#[test]
fn an_indented_traceback_is_read_to_its_end() {
    let log = "[E 2017-11-30 13:27:51.212 App app:1527]\n    Traceback (most recent call last):\n      File \"/a.py\", line 3, in init\n        secret = binascii.a2b_hex(value)\n    binascii.Error: Non-hexadecimal digit found\n";
    let found = World::new().crashed(1, "Error", 2).log(log).diagnose();
    assert_eq!(found.reason, Reason::InvalidConfiguration);
    assert!(found.summary.contains("Non-hexadecimal"), "{}", found.summary);
}

#[test]
fn source_that_does_not_parse_is_a_bug_and_a_file_of_settings_is_configuration() {
    let python = |file: &str| {
        format!(
            "Traceback (most recent call last):\n  File \"/usr/lib/a.py\", line 3, in <module>\n    run()\n  File \"{file}\", line 12\n    def f(:\n          ^\nSyntaxError: invalid syntax\n"
        )
    };
    assert_eq!(reason(&python("/app/views.py")), Reason::UnhandledException);
    assert_eq!(reason(&python("/etc/jupyterhub/jupyterhub_config.py")), Reason::InvalidConfiguration);
    let php = "PHP Parse error:  syntax error, unexpected token \"}\" in /var/www/html/index.php on line 9\n";
    assert_eq!(reason(php), Reason::UnhandledException);
    let json = "SyntaxError: Unexpected token } in JSON at position 81\n    at JSON.parse (<anonymous>)\n";
    assert_eq!(reason(json), Reason::InvalidConfiguration);
}

#[test]
fn an_error_line_before_a_good_end_is_no_crash_of_its_own() {
    let end = |code: i32, reason: &str| {
        World::new().crashed(code, reason, 2).log("sh: invalid number '$'\n").diagnose().reason
    };
    assert_eq!(end(0, "Completed"), Reason::CompletedUnexpectedly);
    assert_eq!(end(2, "Error"), Reason::UnhandledException);
}

#[test]
fn a_store_below_a_read_only_mount_cannot_be_opened_by_any_user() {
    let world = |read_only: bool| {
        World::new().crashed(1, "Error", 2).log("sqlite3.OperationalError: unable to open database file\n").with(|w| {
            let mount = crate::diagnose::facts::Mount {
                volume: "data".into(),
                path: "/data".into(),
                read_only,
                ..Default::default()
            };
            w.container().mounts.push(mount);
        })
    };
    assert_eq!(world(false).diagnose().reason, Reason::VolumePermissionDenied);
    let found = world(true).diagnose();
    assert_eq!(found.reason, Reason::ReadOnlyFilesystem);
    assert!(found.remediation[0].text.contains("Mount /data without readOnly"), "{:?}", found.remediation);
}

#[test]
fn a_bare_permission_error_below_a_bind_is_about_the_port() {
    let log = "Traceback (most recent call last):\n  File \"/app/m.py\", line 2, in <module>\n  File \"/usr/lib/python3.11/socketserver.py\", line 472, in server_bind\n    self.socket.bind(self.server_address)\nPermissionError: [Errno 13] Permission denied\n";
    let world = World::new().crashed(1, "Error", 2).log(log);
    assert_eq!(world.diagnose().reason, Reason::PermissionDenied);
    assert!(world.diagnose().summary.contains("listen on the port"), "{}", world.diagnose().summary);
    assert!(advice(&world).contains("NET_BIND_SERVICE"));
}

#[test]
fn a_missing_setting_is_a_variable_without_a_traceback_too() {
    let log = "pydantic_core._pydantic_core.ValidationError: 1 validation error for AppSettings\ndatabase_url\n  Field required [type=missing, input_value={}, input_type=dict]\n";
    let found = World::new().crashed(1, "Error", 2).log(log).diagnose();
    assert_eq!(found.reason, Reason::MissingEnvironmentVariable);
    assert!(found.summary.contains("DATABASE_URL"), "{}", found.summary);
}

fn mounted(path: &str, source: crate::diagnose::facts::VolumeSource) -> World {
    World::new().crashed(1, "Error", 0).with(|w| {
        w.pod().volumes.push(crate::diagnose::facts::PodVolume { name: "v".into(), source });
        let mount = crate::diagnose::facts::Mount { volume: "v".into(), path: path.into(), ..Default::default() };
        w.container().mounts.push(mount);
    })
}

fn config_map() -> crate::diagnose::facts::VolumeSource {
    let source = crate::diagnose::facts::KeyedSource { name: "scripts".into(), ..Default::default() };
    crate::diagnose::facts::VolumeSource::ConfigMap(source)
}

#[test]
fn a_mounted_script_lacks_its_interpreter_not_its_file_or_cpu() {
    let world = |log: &str| mounted("/scripts", config_map()).log(log);
    let crlf = world("exec /scripts/run.sh: no such file or directory\n");
    assert_eq!(crlf.diagnose().reason, Reason::EntrypointNotFound);
    assert!(advice(&crlf).contains("dos2unix"));
    let bare = world("exec /scripts/run.sh: exec format error\n");
    assert_eq!(bare.diagnose().reason, Reason::EntrypointNotExecutable);
    assert!(advice(&bare).contains("#!/bin/sh"));
    let image = world("exec /app/run.sh: exec format error\n");
    assert_eq!(image.diagnose().reason, Reason::WrongArchitecture);
}

#[test]
fn a_mount_over_a_languages_libraries_hides_them() {
    let log = "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding\nPython runtime state: core initialized\n";
    assert_eq!(mounted("/usr/lib/python3.11", config_map()).log(log).diagnose().reason, Reason::MountPathConflict);
    assert_eq!(mounted("/etc/app", config_map()).log(log).diagnose().reason, Reason::MissingModule);
}

#[test]
fn a_reference_that_nothing_fills_is_a_missing_variable() {
    let log = "ValueError: unknown url type: '$(BASE_URL)/x'\n";
    let world = World::new().crashed(1, "Error", 1).log(log);
    assert_eq!(world.diagnose().reason, Reason::InvalidConfiguration);
    let found = world.with(|w| w.container().args = vec!["--url=$(BASE_URL)/x".into()]).diagnose();
    assert_eq!(found.reason, Reason::MissingEnvironmentVariable);
    assert!(found.summary.contains("refers to $(BASE_URL)"), "{}", found.summary);
}

#[test]
fn the_only_claim_is_what_is_full_where_no_path_is_given() {
    let claim = || crate::diagnose::facts::VolumeSource::Claim { name: "data-0".into(), read_only: false };
    let full = |line: &str| {
        let world = mounted("/var/lib/db", claim()).log(line);
        world.diagnose().evidence.iter().any(|e| e.detail.contains("/var/lib/db"))
    };
    assert!(full("FATAL:  could not write to file \"pg_wal/xlogtemp.95\": No space left on device\n"));
    assert!(full("OSError: [Errno 28] No space left on device\n"));
    assert!(!full("FATAL: cannot write /tmp/x: No space left on device\n"));
}

#[test]
fn a_bounded_volume_is_the_first_to_be_full() {
    let small = crate::diagnose::facts::VolumeSource::EmptyDir { memory: true, size_limit: Some(8 << 20) };
    let world = mounted("/data", small).log("OSError: [Errno 28] No space left on device\n");
    assert_eq!(world.diagnose().reason, Reason::DiskFull);
    assert!(advice(&world).contains("sizeLimit of 8Mi"), "{}", advice(&world));
}

#[test]
fn a_traceback_that_points_above_hands_over() {
    let log = "ERROR [core.py:396] ValueError: 16 GiB KV cache is needed. Try increasing `gpu_memory_utilization` or decreasing `max_model_len`.\nTraceback (most recent call last):\n  File \"/a.py\", line 3, in wait\n    raise RuntimeError(\nRuntimeError: Engine core initialization failed. See root cause above.\n";
    let found = World::new().crashed(1, "Error", 2).log(log).diagnose();
    assert!(found.summary.contains("KV cache"), "{}", found.summary);
}

#[test]
fn a_runtime_of_another_version_is_named() {
    for log in [
        "PHP Fatal error:  Composer detected issues in your platform: Your Composer dependencies require a PHP version \">= 8.1.0\". You are running 8.0.28.\n",
        "Bundler::RubyVersionMismatch: Your Ruby version is 2.7.6, but your Gemfile specified 3.0.4\n",
    ] {
        let found = World::new().crashed(1, "Error", 2).log(log).diagnose();
        assert!(found.summary.contains("runtime in its image"), "{}", found.summary);
    }
}

#[test]
fn a_line_of_the_source_is_no_port() {
    for (log, port) in [
        ("thread 'main' panicked at 'Failed to bind: Address already in use', src/main.rs:22:10\n", false),
        ("server.go:118: listen tcp :8080: bind: address already in use\n", true),
    ] {
        let found = World::new().crashed(1, "Error", 2).log(log).diagnose();
        assert_eq!(found.reason, Reason::PortConflict, "{log}");
        assert_eq!(found.summary.contains("port 8080"), port, "{}", found.summary);
        assert!(!found.summary.contains("port 22") && !found.summary.contains("port 118"), "{}", found.summary);
    }
}

#[test]
fn shared_memory_is_a_disk_of_its_own() {
    for log in [
        "ERROR: failed to create shared memory segment: No space left on device\n",
        "OSError: [Errno 28] No space left on device: '/dev/shm/psm_1'\n",
    ] {
        let world = World::new().crashed(1, "Error", 2).log(log);
        assert_eq!(world.diagnose().reason, Reason::DiskFull, "{log}");
        assert!(advice(&world).contains("/dev/shm"), "{log}");
    }
}

#[test]
fn springs_report_is_quoted_by_its_description() {
    let head =
        "***************************\nAPPLICATION FAILED TO START\n***************************\n\nDescription:\n\n";
    for text in [
        "Parameter 0 of constructor in com.example.Orders required a bean of type 'com.example.Client' that could not be found.",
        "The dependencies of some of the beans in the application context form a cycle:",
    ] {
        let log = format!("{head}{text}\n\nAction:\n\nConsider another way.\n\n");
        let found = World::new().crashed(1, "Error", 9).log(&log).diagnose();
        assert_eq!(found.reason, Reason::UnhandledException, "{text}");
        assert!(found.summary.contains(&text[..40]), "{}", found.summary);
    }
}

#[test]
fn bundler_only_says_that_its_command_failed() {
    let log = "bundler: failed to load command: rails (/usr/local/bundle/bin/rails)\n/usr/local/bundle/gems/activesupport-7.0.4/lib/active_support/message_encryptor.rb:203:in `rescue in _decrypt': ActiveSupport::MessageEncryptor::InvalidMessage (ActiveSupport::MessageEncryptor::InvalidMessage)\n";
    let found = World::new().crashed(1, "Error", 3).log(log).diagnose();
    assert_eq!(found.reason, Reason::InvalidConfiguration, "{}", found.summary);
    let log = "error:1C800064:Provider routines::bad decrypt\n";
    let world = World::new().crashed(1, "Error", 3).log(log);
    assert!(advice(&world).contains("encrypted with"), "{}", world.diagnose().summary);
}

#[test]
fn message_and_error_of_a_record_are_both_quoted() {
    for (log, want) in [
        (
            "time=\"2024-01-01T00:00:00Z\" level=fatal msg=\"unable to connect to database\" error=\"server said no\"\n",
            "server said no",
        ),
        ("{\"level\":\"fatal\",\"msg\":\"cannot connect to the queue\",\"error\":\"it went away\"}\n", "it went away"),
    ] {
        let found = World::new().crashed(1, "Error", 3).log(log).diagnose();
        assert!(found.evidence.iter().any(|e| e.detail.contains(want)), "{:?}", found.evidence);
    }
}
