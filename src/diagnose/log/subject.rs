//! What a line is about where its row captured nothing: the path, the variable, the flag, the module.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Concept;
use super::concepts::pattern;

fn compiled(shapes: &[&str]) -> Vec<Regex> {
    shapes.iter().filter_map(|s| pattern(s)).collect()
}

/// Paths: the one behind a verb first, then quoted ones, then any absolute path, then a file name with an extension.
static PATHS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[
        r#"\b(?:open|stat|lstat|access|scandir|mkdir|unlink|rename|read|chdir|create|opening|reading|creating|chmod|chown)\(?(?:\(\))?:? ['"`]?(?<path>(?:/|\./|\.\./|[a-z]:\\)[^\s'"`:,)]+)"#,
        r#"['"`](?<path>(?:/|\./|\.\./|[a-z]:\\)[^'"`]+)['"`]"#,
        r"(?<path>/[\w.@+\-]+(?:/[\w.@+\-]+)*/?) ?(?:\(|: ?)(?:no such file|permission denied|access|read-only|is a directory|not a directory|no space)",
        r"(?:^|[\s=(\[:>])(?<path>/[\w.@+\-]+(?:/[\w.@+\-]+)+/?)",
        r"(?:^|[\s=(\[:>])(?<path>/[\w.@+\-]{2,})(?:$|[\s:,;)\]])",
        r#"['"`](?<path>[\w.\-]+(?:/[\w.\-]+)*\.(?:ya?ml|json|toml|conf|cfg|ini|properties|xml|env|pem|crt|key|pfx|p12|jks|db|sqlite3?|txt|js|py|rb|jar|sh|lock))['"`]"#,
        r"(?:^|[\s=:(])(?<path>[\w.\-]+(?:/[\w.\-]+)*\.(?:ya?ml|json|toml|conf|cfg|ini|properties|xml|env|pem|crt|key|pfx|p12|jks|db|sqlite3?|txt|js|py|rb|jar|sh))\b",
    ])
});

static VARIABLES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[r"(?-i:\b(?<path>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b)", r"(?-i:['\x22`$](?<path>[A-Z][A-Z0-9_]{2,})['\x22`])"])
});

static FLAGS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(&[r"(?:^|[\s'\x22`(\[])(?<path>--?[a-z][\w\-]*)"]));

static QUOTED: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(&[r#"['"`](?<path>[^'"`\s]{2,120})['"`]"#]));

fn first(shapes: &[Regex], line: &str) -> Option<String> {
    shapes.iter().find_map(|shape| {
        let range = shape.captures(line.as_bytes())?.name("path")?.range();
        let text = line.get(range)?.trim_end_matches(['.', ',', ';', ':']);
        (!text.is_empty()).then(|| text.to_owned())
    })
}

/// The same for a line beside the failure: a quoted word there is not yet a variable.
pub(crate) fn beside(concept: Concept, line: &str) -> Option<String> {
    if concept == Concept::EnvMissing { first(&VARIABLES, line) } else { of(concept, line) }
}

/// What the line is about, as its concept calls for.
pub(crate) fn of(concept: Concept, line: &str) -> Option<String> {
    let line = super::text::head(line, 1500);
    match concept {
        Concept::FileMissing
        | Concept::FilePermission
        | Concept::ReadOnlyFs
        | Concept::DiskFull
        | Concept::NotDirectory
        | Concept::NotPermitted
        | Concept::CommandMissing
        | Concept::CommandNotExecutable
        | Concept::WrongArchitecture
        | Concept::BadImage => first(&PATHS, line),
        Concept::EnvMissing => first(&VARIABLES, line).or_else(|| {
            first(&QUOTED, line).filter(|s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
        }),
        Concept::BadArguments => first(&FLAGS, line),
        Concept::ModuleMissing | Concept::LibraryMissing => first(&QUOTED, line),
        Concept::BadConfig => first(&PATHS, line).or_else(|| first(&QUOTED, line)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_paths() {
        for (line, want) in [
            ("error reading /etc/github/oauth: open /etc/github/oauth: no such file or directory", "/etc/github/oauth"),
            ("Error: ENOENT: no such file or directory, open '/app/package.json'", "/app/package.json"),
            ("FileNotFoundError: [Errno 2] No such file or directory: 'config.yaml'", "config.yaml"),
            ("cp: cannot create directory '/var/solr/data/x': Permission denied", "/var/solr/data/x"),
            ("mkdir() \"/var/cache/nginx/proxy_temp\" failed (13: Permission denied)", "/var/cache/nginx/proxy_temp"),
            ("java.io.FileNotFoundException: /etc/app/app.yml (No such file or directory)", "/etc/app/app.yml"),
            ("nginx: [emerg] open() \"/etc/nginx/nginx.conf\" failed (2: No such file)", "/etc/nginx/nginx.conf"),
        ] {
            assert_eq!(of(Concept::FileMissing, line).as_deref(), Some(want), "{line}");
        }
    }

    #[test]
    fn finds_names() {
        assert_eq!(of(Concept::EnvMissing, "please give DATABASE_URL").as_deref(), Some("DATABASE_URL"));
        assert_eq!(of(Concept::BadArguments, "what is --foo-bar?").as_deref(), Some("--foo-bar"));
    }
}
