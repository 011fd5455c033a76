//! What applications say in plain words, each idea in the words of several programs.

use super::*;

fn concept(line: &str) -> Option<Concept> {
    classify(line).filter(|m| m.strength > Strength::Wrapper).map(|m| m.concept)
}

fn all(want: Concept, lines: &[&str]) {
    for line in lines {
        assert_eq!(concept(line), Some(want), "{line}");
    }
}

#[test]
fn values_of_the_wrong_type_or_shape() {
    all(
        Concept::BadConfig,
        &[
            "FATAL Error: [server.port]: expected value of type [number] but got [string]",
            "Expected number, received nan at \"PORT\"",
            "invalid type: string \"eighty\", expected u16 for key `server.port`",
            "binascii.Error: Non-hexadecimal digit found",
            "illegal base64 data at input byte 4",
            "Using the database user 'admin' is a security risk, aborting.",
            "Please check your configuration",
            "ValueError: 16 GiB are needed. Try increasing `memory_utilization` or decreasing `max_len`.",
        ],
    );
    assert_eq!(concept("TypeError: Expected a string but got undefined"), Some(Concept::Exception));
}

#[test]
fn what_a_server_does_not_have_is_a_setting() {
    all(
        Concept::BadConfig,
        &[
            "KafkaError{code=UNKNOWN_TOPIC_OR_PART,val=3,str=\"Subscribed topic not available: orders: Broker: Unknown topic or partition\"}",
            "org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.",
            "(404, 'NOT_FOUND - no queue 'mails' in vhost '/'')",
            "no such index [orders-2024]",
        ],
    );
}

#[test]
fn data_of_another_version_and_broken_files() {
    all(
        Concept::BadData,
        &[
            "migrate up: no migration found for version 120: read down for version 120 .: file does not exist",
            "ERROR Error: Can't locate revision identified by '7e9a2b1c4d5f'",
            "SQLite Error 11: 'database disk image is malformed'.",
            "migration failed (id = create log table): disk I/O error",
            "mkdir: cannot create directory '/tmp/work': File exists",
            "ln: failed to create symbolic link '/app/current': File exists",
        ],
    );
    // that a migration failed says nothing where another line says why
    assert_eq!(classify("Startup failed: Database migrations failed").map(|m| m.strength), Some(Strength::Weak));
}

#[test]
fn owners_homes_and_file_systems() {
    all(
        Concept::FilePermission,
        &[
            "fatal: /run belongs to uid 0 instead of 1000, has insecure and/or unworkable permissions",
            "error: /var/lib/keys is not owned by user 101",
            "cp: cannot create hard link '/data/a' to '/data/b': Operation not supported",
            "flock: /data/lock: Function not implemented",
        ],
    );
    all(
        Concept::FileMissing,
        &[
            "error:2006D080:BIO routines:BIO_new_file:no such file",
            "failed to stat file  s3://minio.example.com/models",
            "Could not find a production build in the '/app/web/.next' directory.",
        ],
    );
    assert_ne!(concept("mkdir: cannot create directory '/data/x': Permission denied"), Some(Concept::BadData));
}

#[test]
fn variables_signals_and_rights() {
    for (line, subject) in [
        ("Neither $JAVA_MAIN_CLASS nor $JAVA_APP_JAR is set and 0 found in /deployments", "JAVA_MAIN_CLASS"),
        ("neither APP_TOKEN nor APP_TOKEN_FILE was provided", "APP_TOKEN"),
        ("Please set the `APP_SECRET_KEY` env var when starting the worker", "APP_SECRET_KEY"),
    ] {
        let found = classify(line).expect("a meaning");
        assert_eq!((found.concept, found.subject.as_deref()), (Concept::EnvMissing, Some(subject)), "{line}");
    }
    all(
        Concept::AuthRefused,
        &[
            "403 Client Error. (Request ID: x)",
            "OSError: You are trying to access a gated repo.",
            "401 Client Error: for url",
        ],
    );
    all(
        Concept::Segfault,
        &["Download process was signaled to shutdown with signal 7", "worker 3 was killed by signal: 11"],
    );
    all(Concept::Abort, &["child process exited on signal 6"]);
}

#[test]
fn lines_that_only_point_elsewhere() {
    for line in [
        "RuntimeError: Engine core initialization failed. See root cause above.",
        "error: creating server: Internal - failed to load all models",
        "failed to create database client in allotted time",
        "ERROR: command finished with error: command (apps/web) yarn run start exited (1)",
    ] {
        assert_eq!(classify(line).map(|m| m.strength), Some(Strength::Wrapper), "{line}");
    }
}

#[test]
fn parts_that_server_node_or_image_lack() {
    all(
        Concept::BadConfig,
        &[
            "QueryFailedError: could not open extension control file \"/usr/share/postgresql/14/extension/vectors.control\": No such file or directory",
            "psycopg2.errors.FeatureNotSupported: extension \"vector\" is not available",
            "postmap: fatal: bad string length 0 < 1: myhostname =",
            "postfix: fatal: bad numerical value: 10k",
        ],
    );
    all(Concept::ModuleMissing, &["The module holidays was not found.", "the plugin \"geoip\" could not be found"]);
    all(
        Concept::NodeFeature,
        &[
            "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
            "CUDA error: no CUDA-capable device is detected",
        ],
    );
}

#[test]
fn terms_to_agree_to_and_values_that_nobody_knows() {
    all(
        Concept::BadConfig,
        &[
            "You need to agree to the EULA in order to run the server. Go to eula.txt for more info.",
            "EULA has not been accepted",
            "You must accept the license agreement before starting",
            "java.sql.SQLException: The server time zone value 'CEST' is unrecognized or represents more than one time zone.",
            "storage driver type foo is not recognized",
        ],
    );
    all(
        Concept::BadData,
        &[
            "Error: P3009: migrate found failed migrations in the target database",
            "the version of the data (28.0.1.1) is higher than the image version (27.1.3.2) and downgrading is not supported.",
        ],
    );
    all(Concept::FilePermission, &["fatal: detected dubious ownership in repository at '/repo'"]);
    let found = classify("Could not find the Java executable. Set JAVA_HOME").expect("a meaning");
    assert_eq!((found.concept, found.subject.as_deref()), (Concept::EnvMissing, Some("JAVA_HOME")));
}

#[test]
fn keys_that_do_not_fit_and_servers_that_do_not_serve_so() {
    all(
        Concept::BadConfig,
        &[
            "cryptography.fernet.InvalidToken",
            "Credentials could not be decrypted. A different key was used.",
            "pq: SSL is not enabled on the server",
            "psycopg2.OperationalError: server does not support SSL, but SSL was required",
            "ActiveRecord::NoDatabaseError: We could not find your database: app_production.",
        ],
    );
    all(
        Concept::FileMissing,
        &[
            "error Couldn't find a package.json file in \"/app\"",
            "No package.json (or package.yaml) was found in \"/app\".",
        ],
    );
    all(Concept::NotPermitted, &["sudo: effective uid is not 0, is sudo installed setuid root?"]);
    all(Concept::LibraryMissing, &["Only the invariant culture is supported in globalization-invariant mode."]);
}
