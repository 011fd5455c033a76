//! What a failed probe said, in the words of the kubelet, Go's HTTP client, gRPC, and the tools that exec probes call.

use std::sync::LazyLock;

use regex::Regex;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing listens there (yet).
    Refused,
    /// It listens, or may do so, but did not answer in time.
    Timeout,
    /// An HTTP status.
    Status(u16),
    /// The connection was closed without an answer.
    Closed,
    /// HTTP asked of an HTTPS port, or the reverse; not HTTP at all; a client certificate is wanted.
    WrongProtocol,
    /// gRPC: the service says NOT_SERVING.
    NotServing,
    /// The server answers that it is still starting.
    Starting,
    /// gRPC: there is no health service, or none of that name.
    NotImplemented,
    /// The probe's host does not resolve.
    NoSuchHost,
    /// The exec probe's tool or script is not in the image, or may not be executed.
    ToolMissing,
    /// The exec probe was refused for its credentials or called its tool wrongly.
    BadCommand,
    /// A file that the exec probe looks at is not there.
    FileAbsent,
    /// The exec probe said something else.
    Other,
    /// The exec probe failed without a word.
    Silent,
    /// No event tells.
    Unknown,
}

impl Failure {
    /// In words, for a summary.
    pub fn words(self) -> String {
        match self {
            Self::Refused => "connection refused".into(),
            Self::Timeout => "no answer in time".into(),
            Self::Status(code) => format!("HTTP status {code}"),
            Self::Closed => "connection closed without an answer".into(),
            Self::WrongProtocol => "wrong protocol".into(),
            Self::NotServing => "NOT_SERVING".into(),
            Self::Starting => "it answers that it is still starting".into(),
            Self::NotImplemented => "no such gRPC health service".into(),
            Self::NoSuchHost => "the probe's host does not resolve".into(),
            Self::ToolMissing => "the probe's command is not in the image".into(),
            Self::BadCommand => "the probe's command fails by itself".into(),
            Self::FileAbsent => "the file that the probe looks for is not there".into(),
            Self::Other | Self::Silent => "the probe's command failed".into(),
            Self::Unknown => "the failures are not on record".into(),
        }
    }
}

/// Words, and what they mean; the first that matches wins. Matched without regard to case.
const WORDS: &[(&str, Failure)] = &[
    ("server gave http response to https client", Failure::WrongProtocol),
    ("malformed http", Failure::WrongProtocol),
    ("first record does not look like a tls", Failure::WrongProtocol),
    ("client sent an http request to an https", Failure::WrongProtocol),
    ("tls: ", Failure::WrongProtocol),
    ("error reading server preface", Failure::WrongProtocol),
    ("protocol_error", Failure::WrongProtocol),
    ("http2: frame too large", Failure::WrongProtocol),
    ("no such host", Failure::NoSuchHost),
    ("not_serving", Failure::NotServing),
    // pg_isready, and servers that say so themselves.
    ("rejecting connections", Failure::Starting),
    ("is starting up", Failure::Starting),
    ("still starting", Failure::Starting),
    ("not yet accepting connections", Failure::Starting),
    ("in recovery mode", Failure::Starting),
    ("grpc health protocol", Failure::NotImplemented),
    ("unimplemented", Failure::NotImplemented),
    ("service unknown", Failure::NotImplemented),
    ("executable file not found", Failure::ToolMissing),
    ("command not found", Failure::ToolMissing),
    (": not found", Failure::ToolMissing),
    ("no such file or directory: unknown", Failure::ToolMissing),
    ("can't open file", Failure::ToolMissing),
    ("connection refused", Failure::Refused),
    ("couldn't connect to server", Failure::Refused),
    ("could not connect", Failure::Refused),
    ("can't connect to", Failure::Refused),
    ("failed to connect to", Failure::Refused),
    ("no response", Failure::Refused),
    ("connection is not available", Failure::Refused),
    // gRPC: the same words whether nothing listens or the server is still starting (kubelet-facts).
    ("failed to connect service", Failure::Refused),
    ("context deadline exceeded", Failure::Timeout),
    ("client.timeout", Failure::Timeout),
    ("i/o timeout", Failure::Timeout),
    ("timed out", Failure::Timeout),
    ("did not complete within", Failure::Timeout),
    ("timeout", Failure::Timeout),
    ("no route to host", Failure::Timeout),
    ("connection reset", Failure::Closed),
    ("broken pipe", Failure::Closed),
    ("eof", Failure::Closed),
    ("noauth", Failure::BadCommand),
    ("authentication failed", Failure::BadCommand),
    ("authentication required", Failure::BadCommand),
    ("access denied", Failure::BadCommand),
    ("unknown option", Failure::BadCommand),
    ("invalid option", Failure::BadCommand),
    ("unrecognized option", Failure::BadCommand),
    ("unknown flag", Failure::BadCommand),
    ("unknown command", Failure::BadCommand),
    ("syntax error", Failure::BadCommand),
    ("usage:", Failure::BadCommand),
    ("unbound variable", Failure::BadCommand),
    ("permission denied", Failure::BadCommand),
    ("no such file or directory", Failure::FileAbsent),
];

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:status ?code[:= ]+|returned error:(?: http/[\d.]+)? ?|\bhttp(?:/[\d.]+)? |\bstatus[:= ]+|response code[:= ]+)([1-5]\d\d)\b")
        .expect("a valid pattern")
});

/// Reads what a probe said (without `Liveness probe failed: `). `known` is false where no event was seen at all.
pub fn classify(text: &str, known: bool) -> Failure {
    if !known {
        return Failure::Unknown;
    }
    if text.is_empty() {
        return Failure::Silent;
    }
    let lower = text.to_lowercase();
    // The URL of the request may hold any word ("/timeout"): what Go says stands after its closing quote.
    let said = lower.rsplit_once("\": ").map_or(lower.as_str(), |p| p.1);
    // An exec probe's time limit quotes the command: `command "sh -c curl …" timed out`, `command timed out: "…" timed out after 1s`.
    if lower.starts_with("command") && lower.contains("timed out") {
        return Failure::Timeout;
    }
    if let Some(code) = STATUS.captures(text).and_then(|c| c[1].parse().ok()) {
        return Failure::Status(code);
    }
    WORDS.iter().find(|(word, _)| said.contains(word)).map_or(Failure::Other, |(_, failure)| *failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wordings_of_kubelets_and_tools() {
        for (text, failure) in [
            (
                r#"Get "http://10.244.0.86:8080/": dial tcp 10.244.0.86:8080: connect: connection refused"#,
                Failure::Refused,
            ),
            ("dial tcp 10.44.0.7:9300: connect: connection refused", Failure::Refused),
            (
                r#"Get "http://10.1.1.1:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"#,
                Failure::Timeout,
            ),
            (
                "Get http://10.1.1.1:80/healthz: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
                Failure::Timeout,
            ),
            ("dial tcp 10.1.1.1:80: i/o timeout", Failure::Timeout),
            (r#"command "/bin/bash -c /opt/eap/bin/livenessProbe.sh" timed out"#, Failure::Timeout),
            (r#"command timed out: "sleep 5" timed out after 1s"#, Failure::Timeout),
            ("timeout: health rpc did not complete within 1s", Failure::Timeout),
            (
                r#"timeout: failed to connect service "10.244.0.158:7444" within 1s: context deadline exceeded"#,
                Failure::Refused,
            ),
            ("HTTP probe failed with statuscode: 404", Failure::Status(404)),
            ("HTTP 503", Failure::Status(503)),
            ("wget: server returned error: HTTP/1.1 503 Service Unavailable", Failure::Status(503)),
            ("curl: (22) The requested URL returned error: 401", Failure::Status(401)),
            (r#"Get "https://10.1.1.1:80/": http: server gave HTTP response to HTTPS client"#, Failure::WrongProtocol),
            (r#"Get "http://10.1.1.1:50051/": malformed HTTP response "\x00\x00\x06""#, Failure::WrongProtocol),
            (r#"Get "http://10.1.1.1:80/": EOF"#, Failure::Closed),
            (
                "error: health rpc failed: rpc error: code = Internal desc = stream terminated by RST_STREAM with error code: PROTOCOL_ERROR",
                Failure::WrongProtocol,
            ),
            (
                r#"Get "http://10.1.1.1:80/": read tcp 10.1.1.2:4->10.1.1.1:80: read: connection reset by peer"#,
                Failure::Closed,
            ),
            ("service unhealthy (responded with \"NOT_SERVING\")", Failure::NotServing),
            (
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)",
                Failure::NotImplemented,
            ),
            ("/bin/sh: 1: curl: not found", Failure::ToolMissing),
            ("cat: can't open '/tmp/healthy': No such file or directory", Failure::FileAbsent),
            ("cat: /tmp/healthy: No such file or directory", Failure::FileAbsent),
            ("127.0.0.1:5432 - rejecting connections", Failure::Starting),
            ("redis-cli: NOAUTH Authentication required.", Failure::BadCommand),
            ("agent on host x has not reported within 75 seconds", Failure::Other),
            ("", Failure::Silent),
        ] {
            assert_eq!(classify(text, true), failure, "{text}");
        }
        assert_eq!(classify("", false), Failure::Unknown);
    }
}
