//! Which peer a line is about: host and port in all the shapes that libraries print.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::concepts::pattern;
use crate::diagnose::Target;

/// Shapes, most telling first: a name beats an address, an address beats a URL that may only say what was asked for.
const SHAPES: &[&str] = &[
    r"lookup (?<host>[\w.\-]+)(?: on [\w.:\[\]]+)?:",
    r#"server at "(?<host>[^"/]+)"(?: \([\w.:]+\))?,? port (?<port>\d{1,5})"#,
    r#"could not translate host name "(?<host>[\w.\-]+)""#,
    r"connect econnrefused (?<host>[\w.\-]+):(?<port>\d{1,5})",
    r"(?:enotfound|eai_again) (?<host>[\w.\-]+)(?::(?<port>\d{1,5}))?",
    r"dial (?:tcp|udp)[46]?:? (?:[\d.:\[\]a-f]+->)?(?<host>[\w.\-]+|\[[\da-f:]+\]):(?<port>\d{1,5})",
    r"read (?:tcp|udp)[46]? [\d.:\[\]a-f]+->(?<host>[\w.\-]+):(?<port>\d{1,5})",
    r"connection to (?<host>[\w.\-]+):(?<port>\d{1,5}) refused",
    r"host=['\x22]?(?<host>[\w.\-]+)['\x22]?,? ?,? ?port=['\x22]?(?<port>\d{1,5})",
    r"host:? ['\x22]?(?<host>[\w.\-]+)['\x22]?,? (?:and )?port:? ['\x22]?(?<port>\d{1,5})",
    r"@(?:tcp\()?(?<host>[\w.\-]+):(?<port>\d{1,5})",
    r"(?<scheme>[a-z][a-z0-9+.\-]*)://(?:[^\s/@'\x22]*@)?(?<host>[\w.\-]+|\[[\da-f:]+\]):(?<port>\d{1,5})",
    r#""(?:host|hostname|server|address)" ?: ?"(?<host>[\w.\-]+)" ?, ?"port" ?: ?"?(?<port>\d{1,5})"#,
    r"connecting to (?<host>[\w.\-]+)(?::| port )(?<port>\d{1,5})",
    r"(?:to|with|at|from|for|of) [`'\x22(\[]?/?(?<host>[\w.\-]+)[`'\x22]?(?::|,? port )[`'\x22]?(?<port>\d{2,5})\b",
    r"to (?<host>[\w.\-]+) port (?<port>\d{1,5})",
    r"no further information: (?:[\w.\-]*/)?(?<host>[\w.\-]+):(?<port>\d{1,5})",
    r"mysql server on '(?<host>[\w.\-]+)(?::(?<port>\d{1,5}))?'",
    // a name in the cluster's own domain, wherever it stands
    r"\b(?<host>[a-z][\w\-]*(?:\.[\w\-]+)+\.svc(?:\.[\w\-]+)*)[: ](?<port>\d{2,5})\b",
    r"(?:^|[\s/\[('\x22=,`@])(?<host>[a-z][\w\-]*(?:\.[\w\-]+)*|\d{1,3}(?:\.\d{1,3}){3}):(?<port>\d{2,5})(?:$|[\s,;)\]'\x22/:?.])",
    r"(?<scheme>[a-z][a-z0-9+.\-]*)://(?:[^\s/@'\x22]*@)?(?<host>[a-z0-9][\w.\-]*)",
    r"(?:resolve|resolving|find|unknown|unknownhostexception:|bad address|reach|connect to|connecting to)(?: \w+){0,2}:? [`'\x22]?(?<host>[a-z][\w\-]*(?:\.[\w\-]+)+)",
    r"(?:resolve|unknown|bad address|lookup)(?: the)? (?:host(?:name)?|server|address):? [`'\x22]?(?<host>[a-z][\w.\-]*)",
    r"host ['\x22](?<host>[\w.\-]+)['\x22]",
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| SHAPES.iter().filter_map(|s| pattern(s)).collect());

/// A cheap look at what every shape needs, so that most lines cost nothing.
fn worth_a_look(line: &str) -> bool {
    line.contains([':', '/', '.', '\'', '"']) || line.contains(" port ")
}

/// The peer that a line names.
pub(crate) fn in_line(line: &str) -> Option<Target> {
    if !worth_a_look(line) {
        return None;
    }
    let line = super::text::head(line, 1500);
    COMPILED.iter().find_map(|shape| {
        shape.captures_iter(line.as_bytes()).find_map(|c| {
            let at = c.name("host")?;
            let host = line.get(at.range())?.trim_matches(['[', ']', '.']);
            let port = c.name("port").and_then(|p| line.get(p.range())?.parse().ok());
            let scheme = c.name("scheme").and_then(|s| line.get(s.range()));
            (plausible(host) && !in_path(line.get(..at.start())?, host))
                .then(|| Target { host: host.to_owned(), port: port.or_else(|| default_port(scheme?)) })
        })
    })
}

/// `/tmp:5432`, `/run/postgresql:5432`: the folder of a socket, no host. Java's `/10.0.12.5:5432` is an address.
fn in_path(before: &str, host: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || "'\"`([=,".contains(c)).next().unwrap_or_default();
    let address = host.bytes().all(|b| b.is_ascii_digit() || b".:".contains(&b));
    word.starts_with('/') && !word.starts_with("//") && !address
}

/// The port that a URL's scheme means.
fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "postgres" | "postgresql" | "jdbc:postgresql" => 5432,
        "mysql" | "mariadb" => 3306,
        "redis" | "rediss" => 6379,
        "amqp" => 5672,
        "amqps" => 5671,
        "mongodb" => 27017,
        "nats" => 4222,
        "ldap" => 389,
        "ldaps" => 636,
        _ => return None,
    })
}

/// Not a source file with a line number, a time, a version or a word of prose.
pub(crate) fn plausible(host: &str) -> bool {
    const CODE: &str = "go py js ts mjs cjs jsx tsx java kt scala rb rs c cc cpp h hpp php cs ex exs erl sh lua pl yaml \
        yml json conf cfg toml xml jar so sql lock log rake clj groovy swift vue html";
    const WORDS: &str = "line column error errno code status pid exit failed caused goroutine attempt signal level the a \
        an at in on is null none undefined string exception message port tcp http https internal syscall \
        version host socket hostname bootstrap file type module any all address failure timeout refused \
        connection";
    let extension = host.rsplit('.').next().unwrap_or(host);
    let lower = host.to_ascii_lowercase();
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let ip = numeric && host.split('.').count() == 4;
    !host.is_empty()
        && host.len() <= 253
        && (ip || !numeric)
        && (!host.contains('.') || !CODE.split(' ').any(|w| w == extension.to_ascii_lowercase()))
        && !WORDS.split(' ').any(|w| w == lower)
        && host != "0.0.0.0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_peers() {
        for (line, host, port) in [
            ("dial tcp 10.96.0.42:5432: connect: connection refused", "10.96.0.42", Some(5432)),
            ("dial tcp: lookup postgres on 10.96.0.10:53: no such host", "postgres", None),
            ("Error: connect ECONNREFUSED 10.0.214.66:5432", "10.0.214.66", Some(5432)),
            ("Error: getaddrinfo ENOTFOUND mongo", "mongo", None),
            (r#"connection to server at "pg" (10.43.118.12), port 5432 failed: Connection refused"#, "pg", Some(5432)),
            ("Connection to database:5432 refused. Check that the hostname", "database", Some(5432)),
            ("Error 111 connecting to redis:6379. Connection refused.", "redis", Some(6379)),
            ("urllib3 HTTPConnectionPool(host='api.shop', port=8080): Max retries", "api.shop", Some(8080)),
            (r#"Get "http://catalog:8080/x": context deadline exceeded"#, "catalog", Some(8080)),
            ("curl: (7) Failed to connect to web port 80 after 1 ms: Couldn't connect", "web", Some(80)),
            ("Can't connect to MySQL server on 'mysql:3306' (111)", "mysql", Some(3306)),
            ("nc: bad address 'db.shop.svc'", "db.shop.svc", None),
            ("could not resolve address 'ingress.ns.svc.cluster.local'.", "ingress.ns.svc.cluster.local", None),
            ("amqp://***@rabbit/ refused", "rabbit", Some(5672)),
            ("Failed to connect to /10.0.12.5:5432", "10.0.12.5", Some(5432)),
            ("Could not connect to Redis at cache-master:6379: Connection refused", "cache-master", Some(6379)),
            (
                "on 1:db-0.db.x.svc.cluster.local:3306 , FD (Conn:0 , MyDS:29) , 2002: Can't connect to MySQL server on 'db-0.db.x.svc.cluster.local:3306' (111)",
                "db-0.db.x.svc.cluster.local",
                Some(3306),
            ),
            (
                ">>> 'sentinel monitor m redis-0.redis.x.svc.cluster.local 6379 2'",
                "redis-0.redis.x.svc.cluster.local",
                Some(6379),
            ),
            ("Connection to node -1 (kafka/10.0.0.9:9092) could not be established", "10.0.0.9", Some(9092)),
        ] {
            assert_eq!(in_line(line), Some(Target { host: host.into(), port }), "{line}");
        }
    }

    #[test]
    fn leaves_other_numbers_alone() {
        for line in [
            "main.go:42 +0x1d: refused",
            "at Object.<anonymous> (/app/server.js:12:5)",
            "2024-01-15 10:00:02 failed",
            "exit code:12 ",
            "line 12: refused",
            "listening on 0.0.0.0:8080",
            "/tmp:5432 - no response",
            "could not connect to /var/run/postgresql:5432, retry",
        ] {
            assert_eq!(in_line(line), None, "{line}");
        }
    }
}
