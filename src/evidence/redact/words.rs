//! Which names stand for a secret, and which values are worth hiding.

/// A word of a name that makes it a secret's name.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "pwd",
    "pass",
    "secret",
    "token",
    "credential",
    "credentials",
    "apikey",
    "jwt",
    "signature",
    "sig",
    "auth",
];

/// Ends of words written in one: `PGPASSWORD`, `accesstoken`.
const SECRET_ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "accountkey",
    "authkey",
    "sessionid",
    "sessid",
    "pass",
];

/// `<word>_key` is a secret for these words.
const KEY_OWNERS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "account",
    "auth",
    "encryption",
    "encrypt",
    "decryption",
    "signing",
    "sign",
    "master",
    "shared",
    "storage",
    "service",
    "license",
    "licence",
    "client",
    "session",
    "jwt",
    "hmac",
    "aes",
    "rsa",
    "ssh",
    "tls",
    "ssl",
    "deploy",
    "admin",
    "root",
    "webhook",
    "app",
    "subscription",
    "functions",
    "host",
    "fernet",
    "cookie",
    "data",
    "integration",
    "ingest",
    "write",
    "read",
    "stripe",
    "consumer",
    "preshared",
    "psk",
    "unseal",
];

/// A last word that makes it the name of something about a secret.
const HARMLESS_ENDS: &[&str] = &[
    "name",
    "names",
    "file",
    "files",
    "path",
    "paths",
    "dir",
    "directory",
    "folder",
    "url",
    "uri",
    "endpoint",
    "host",
    "port",
    "expiry",
    "expires",
    "expired",
    "expiration",
    "expire",
    "ttl",
    "timeout",
    "duration",
    "age",
    "interval",
    "length",
    "len",
    "size",
    "type",
    "kind",
    "count",
    "limit",
    "limits",
    "ref",
    "refs",
    "policy",
    "provider",
    "enabled",
    "enable",
    "disable",
    "disabled",
    "required",
    "algorithm",
    "algo",
    "alg",
    "format",
    "header",
    "headers",
    "prefix",
    "suffix",
    "issuer",
    "audience",
    "rotation",
    "at",
    "in",
    "manager",
    "store",
    "review",
    "reviews",
    "generator",
    "source",
    "mount",
    "volume",
    "volumes",
    "class",
    "error",
    "errors",
    "exception",
    "failed",
    "status",
    "state",
    "valid",
    "validator",
    "authenticator",
    "authentication",
    "hint",
    "field",
    "column",
    "attempts",
    "retries",
    "method",
    "strength",
    "min",
    "max",
    "version",
    "scope",
    "scopes",
    "usage",
    "index",
    "lifetime",
    "validity",
    "cache",
    "service",
    "server",
    "handler",
    "filter",
    "provisioner",
    "controller",
    "reader",
    "go",
    "py",
    "js",
    "java",
    "rb",
    "ts",
    "rs",
    "php",
    "json",
    "yaml",
    "yml",
    "txt",
    "pem",
    "crt",
    "conf",
    "sh",
    "svc",
    "com",
    "io",
    "net",
    "org",
    "local",
    "internal",
    "ok",
    "mode",
    "level",
    "budget",
    "position",
];

/// Values that hold no secret, whatever the name.
const EMPTY_VALUES: &[&str] = &[
    "null",
    "nil",
    "none",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "unset",
    "empty",
    "redacted",
    "hidden",
    "masked",
    "omitted",
    "secret_hidden",
    "n/a",
    "string",
    "str",
    "bytes",
    "object",
    "int",
    "optional",
];

/// Words that say what is wrong with a secret rather than what it is; a value that starts so is prose.
const FAILURE_WORDS: &[&str] = &[
    "expired",
    "invalid",
    "missing",
    "required",
    "not",
    "unauthorized",
    "denied",
    "failed",
    "failure",
    "forbidden",
    "unknown",
    "eof",
    "error",
    "must",
    "is",
    "are",
    "was",
    "were",
    "has",
    "cannot",
    "unable",
    "unexpected",
    "illegal",
    "malformed",
    "incorrect",
    "rejected",
    "revoked",
    "unbound",
    "parameter",
    "unsupported",
    "authentication",
    "permission",
    "authorization",
    "ok",
    "valid",
    "mismatch",
    "mismatched",
    "too",
    "no",
    "could",
    "should",
    "does",
    "can't",
    "doesn't",
    "isn't",
    "unavailable",
    "blank",
    "field",
    "couldn't",
    "didn't",
    "nonexistent",
    "absent",
];

/// More words of prose; they count only where several words follow each other.
const COMMON_WORDS: &[&str] = &[
    "the",
    "a",
    "an",
    "at",
    "in",
    "on",
    "for",
    "from",
    "to",
    "of",
    "and",
    "or",
    "with",
    "without",
    "please",
    "use",
    "using",
    "only",
    "may",
    "will",
    "open",
    "read",
    "write",
    "stat",
    "exec",
    "get",
    "post",
    "dial",
    "rpc",
    "json",
    "parse",
    "decode",
    "value",
    "expected",
    "found",
    "set",
    "timeout",
    "context",
    "connection",
    "configmap",
    "access",
    "when",
    "while",
    "because",
    "but",
    "by",
    "if",
    "it",
    "this",
    "that",
    "there",
    "be",
    "been",
    "have",
    "length",
    "key",
    "file",
    "user",
    "role",
    "generated",
    "provided",
    "specified",
    "loaded",
    "loading",
    "stored",
    "got",
    "characters",
    "does",
    "retrying",
    "x509",
    "tls",
    "http",
    "https",
    "exit",
];

/// Whether a variable, flag or field of this name holds a secret.
pub fn secret_name(name: &str) -> bool {
    let normal = normalise(name);
    let words: Vec<&str> = normal.split('_').filter(|w| !w.is_empty()).collect();
    let Some(last) = words.last() else { return false };
    if HARMLESS_ENDS.contains(last) {
        return false;
    }
    let plain = words.iter().any(|w| {
        SECRET_WORDS.contains(w)
            || SECRET_ENDS.iter().any(|end| w.len() > end.len() && w.ends_with(end) && !is_pass_word(w))
    });
    plain
        || words
            .windows(2)
            .any(|pair| KEY_OWNERS.contains(&pair[0]) && pair[1].trim_end_matches(char::is_numeric) == "key")
}

/// `bypass`, `compass` and `trespass` end like `dbpass` and are none.
fn is_pass_word(word: &str) -> bool {
    matches!(word, "bypass" | "compass" | "trespass" | "overpass" | "underpass" | "surpass" | "encompass")
}

/// `dbPassword`, `DB-Password` and `db.password` as `db_password`.
fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let bytes = name.as_bytes();
    for (i, b) in bytes.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| bytes[j]);
        let after = bytes.get(i + 1);
        let new_word = b.is_ascii_uppercase()
            && before.is_some_and(|p| {
                p.is_ascii_lowercase() || (p.is_ascii_uppercase() && after.is_some_and(u8::is_ascii_lowercase))
            });
        if new_word {
            out.push('_');
        }
        out.push(if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() as char } else { '_' });
    }
    out
}

/// Whether a value could be a secret at all: not empty, not masked yet, not a reference, placeholder or path.
pub fn worth_masking(value: &str) -> bool {
    let v = value.trim().trim_matches(['"', '\'', '`', '\\']);
    if v.is_empty() || v.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-')) {
        return false;
    }
    let reference = v.starts_with("${")
        || v.starts_with("$(")
        || v.starts_with("{{")
        || v.starts_with('<') && v.ends_with('>')
        || v.starts_with("[REDACTED")
        || v.starts_with("(null")
        || matches!(v, "%s" | "%v" | "%q" | "%w" | "{}" | "[]" | "()")
        || v.strip_prefix('$').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    !reference && !is_path(v) && !is_one_of(v, EMPTY_VALUES)
}

/// Whether a value is a path of the file system, which is a place and no secret.
fn is_path(v: &str) -> bool {
    const ROOTS: &[&str] = &[
        "/var/",
        "/etc/",
        "/run/",
        "/app/",
        "/opt/",
        "/home/",
        "/root/",
        "/tmp/",
        "/usr/",
        "/mnt/",
        "/srv/",
        "/data/",
        "/secrets/",
        "/secret/",
        "/config/",
        "/vault/",
        "/certs/",
        "/keys/",
        "/dev/",
        "/proc/",
        "./",
        "../",
        "file:",
        "~/",
    ];
    ROOTS.iter().any(|r| v.starts_with(r))
}

/// Letters and digits together, or long and mixed: nobody writes that as a word.
pub fn looks_random(v: &str) -> bool {
    let digit = v.bytes().any(|b| b.is_ascii_digit());
    let lower = v.bytes().any(|b| b.is_ascii_lowercase());
    let upper = v.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    let symbol = v.bytes().any(|b| matches!(b, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'='));
    v.len() >= 6 && (((digit || symbol) && (lower || upper)) || (v.len() >= 12 && lower && upper))
}

/// Whether the words after a colon are a sentence about the secret. `alone`: the name starts its line, as in a
/// configuration file, so that even plain words are taken for a value unless they say what is wrong.
pub fn is_prose(rest: &str, alone: bool) -> bool {
    let mut words = rest.split_ascii_whitespace();
    let Some(first) = words.next() else { return true };
    if is_one_of(first, FAILURE_WORDS) || is_one_of(first, EMPTY_VALUES) {
        return true;
    }
    let more: Vec<&str> = words.take(4).collect();
    if more.is_empty() {
        return false;
    }
    if first.ends_with(':') && !looks_random(first) {
        return true;
    }
    let says_so = |w: &&str| is_one_of(w, FAILURE_WORDS) || is_one_of(w, COMMON_WORDS);
    if is_one_of(first, COMMON_WORDS) || (!looks_random(first) && more.iter().any(says_so)) {
        return true;
    }
    !alone && first.bytes().all(|b| b.is_ascii_alphabetic() || b == b'\'') && !looks_random(first)
}

/// Whether the word before a name says that what follows is the complaint (`unexpected token: x`).
pub fn is_complaint(word: &str) -> bool {
    const COMPLAINTS: &[&str] = &[
        "unexpected",
        "missing",
        "unknown",
        "invalid",
        "illegal",
        "unrecognized",
        "no",
        "bad",
        "undefined",
        "expected",
        "next",
        "syntax",
        "near",
        "parse",
        "reserved",
    ];
    is_one_of(word, COMPLAINTS)
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    let w = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    list.iter().any(|l| l.eq_ignore_ascii_case(w))
}
