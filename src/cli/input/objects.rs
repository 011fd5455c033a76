//! The text of a file -> JSON values: one or many documents, JSON or YAML, with limits against hostile input.

use std::path::Path;

use serde_json::Value;

/// Deepest nesting of YAML (JSON's own limit is 128); flow collections too, for the sake of the stack.
const MAX_NESTING: usize = 64;

/// All documents of a file. The error names line and column.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let is_json = path.extension().is_some_and(|e| e == "json") || text.trim_start().starts_with('{');
    if is_json {
        json(text).or_else(|why| if path.extension().is_some_and(|e| e == "json") { Err(why) } else { yaml(text) })
    } else {
        yaml(text)
    }
}

fn json(text: &str) -> Result<Vec<Value>, String> {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .collect::<Result<_, _>>()
        .map_err(|e| format!("line {}, column {}: not JSON: {}", e.line(), e.column(), words(&e.to_string())))
}

fn yaml(text: &str) -> Result<Vec<Value>, String> {
    // Room for what the text itself can hold, so that large dumps pass, but not for what aliases could make of it.
    let size = text.len();
    let budget = serde_saphyr::budget! {
        max_depth: MAX_NESTING,
        flow_nesting_limit: MAX_NESTING as _,
        max_events: size.max(1_000_000),
        max_nodes: size.max(250_000),
        max_documents: 1_000_000,
        max_total_scalar_bytes: size.max(1 << 20),
        max_aliases: 1_000,
        max_anchors: 1_000,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|e| {
        let place = e.location().map(|l| format!("line {}, column {}: ", l.line(), l.column())).unwrap_or_default();
        format!("{place}not YAML: {}", words(&e.to_string()))
    })
}

/// One line, bounded, without the place that stands before it already.
fn words(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or_default();
    crate::evidence::text::bound(line, 200).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Value>, String> {
        parse(Path::new(name), text)
    }

    #[test]
    fn many_documents() {
        let values =
            read("a.yaml", "---\nkind: A\n---\n---\nkind: B\nx: 'on'\ny: on\nz: 0755\nt: 2024-05-01T10:00:00Z\n...\n")
                .unwrap();
        assert_eq!(values.len(), 2);
        assert_eq!(values[1]["y"], "on");
        assert_eq!(values[1]["z"], "0755");
        assert_eq!(values[1]["t"], "2024-05-01T10:00:00Z");
        assert_eq!(read("a.json", "{\"a\":1}\n{\"a\":2}").unwrap().len(), 2);
    }

    #[test]
    fn errors_name_the_place() {
        assert!(read("a.yaml", "kind: A\nx: [1, 2\ny: }\n").unwrap_err().contains("line 3"));
        assert!(read("a.json", "{\"a\":\n tru}").unwrap_err().contains("line 2"));
    }

    #[test]
    fn hostile_yaml_is_refused_in_time() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..30 {
            let list = vec![format!("*a{}", i - 1); 9].join(",");
            bomb = format!("{bomb}a{i}: &a{i} [{list}]\n");
        }
        assert!(read("a.yaml", &bomb).is_err());
        assert!(read("a.yaml", &format!("a: {}", "[".repeat(100_000))).is_err());
        assert!(read("a.json", &"[".repeat(100_000)).is_err());
        assert!(read("a.yaml", &"- ".repeat(50_000)).is_err());
    }
}
