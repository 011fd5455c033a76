//! Lines into records: a trace, a dump, a message with its details is one record.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::concepts::pattern;
pub(crate) use super::lines::{is_frame, is_usage};
use super::severity::{self, Severity};

/// How the parts of a record hang together, which decides where its reason stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One message: the first part that says something.
    #[default]
    Plain,
    /// Python: the exception lines; the last was raised, earlier ones led to it.
    Python,
    /// Java, .NET, anyhow: the deepest cause says why.
    Chain,
    /// Go: the panic line, then goroutines.
    Go,
}

/// A record: a range of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Lines of the window, first inclusive, last exclusive.
    pub lines: Range<usize>,
    /// Level of its first line.
    pub severity: Severity,
    /// Shape.
    pub kind: Kind,
    /// It says of itself that it ended the program: an uncaught exception, a panic.
    pub uncaught: bool,
}

/// Beginnings of lines that belong to the record before them.
#[rustfmt::skip]
const CONTINUES: &[&str] = &[
    "Caused by", "caused by", "Suppressed:", "... ", "at ", "goroutine ", "created by ", "[signal ", "note: ",
    "--- End of", "Stack trace", "stack trace", "Stack:", "stack backtrace", "#0", "#1", "#2", "#3", "#4", "#5", "#6",
    "#7", "#8", "#9", "thrown in", "  thrown in", "During handling of", "The above exception", "}", "]", ")",
    "from /", "DETAIL:", "HINT:", "STATEMENT:", "CONTEXT:", "File name:", "Reason:", "Details:", "panic(", "rax ",
    "rbx ", "rip ", "Exception: ", "Native stack trace", "stacktrace:", "nested exception", "; nested exception",
    "Location:", "Reading the configuration file, at line", ">>> '",
];

static GO_FRAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:goroutine \d+|created by |panic\(|runtime\.|[\w.\-/]+[\w)]\.[\w.()*{}\[\]$\-]+\(.*\)(?: \S+)?$|r[a-z0-9]{1,2} +0x)",
    )
});
static JVM_HEAD: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?-i:[a-z_][\w$]*(?:\.[\w$]+)+(?:Exception|Error|Throwable|Failure)\b)"));
static UNCAUGHT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r#"^(?:panic: |fatal error: |exception in thread "|unhandled exception|uncaught |php fatal error|fatal error: uncaught|"#,
        r"terminate called|\*\* \(|thread '[^']*'(?: \(\d+\))? panicked at|traceback \(most recent call last\)|application startup exception|",
        r"fatal python error|fatal: exception |unhandled promise|\[unhandledrejection|error: uncaught|unhandledpromiserejection|kernel pid terminated|segmentation fault|",
        r"runtime error|rake aborted!|bundler: failed to load|hs_err|# a fatal error has been detected)|",
        r"^\S+:\d+:in .+\((?-i:[A-Z]\w*(?:::\w+)*)\)$|init terminating in do_boot|application run failed|exception in worker process"
    ))
});

fn matches(regex: &LazyLock<Option<Regex>>, line: &str) -> bool {
    regex.as_ref().is_some_and(|r| r.is_match(line.as_bytes()))
}

#[derive(Default)]
struct Splitter<'l> {
    records: Vec<Record>,
    inside: Inside,
    blank: bool,
    /// The line before.
    shown: &'l str,
    /// The line before is the heading of a failure's description (Spring Boot's report).
    described: bool,
    /// The last record is an exception of Elixir's: details and stack are indented, with blank lines between them.
    elixir: bool,
}

/// npm puts one mark before every line of one error: code, system call, path, words.
fn npm(line: &str) -> Option<&'static str> {
    ["npm ERR!", "npm error"].into_iter().find(|mark| line.starts_with(mark))
}

/// What the last record still waits for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    /// A Python traceback whose exception line is still to come.
    Traceback,
    /// A dump of goroutines.
    Dump,
    /// Pydantic's list of fields behind its exception line.
    Fields,
    /// Rust's `thread 'x' panicked at FILE:LINE:`; the message is the next line.
    Panic,
    /// A directive of a configuration; what is wrong with it is the next line.
    Directive,
}

/// Splits lines into records. Blank lines belong to a record only where it goes on behind them.
pub(crate) fn split(lines: &[&str]) -> Vec<Record> {
    let mut splitter = Splitter::default();
    for (number, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            splitter.blank = true;
            continue;
        }
        if splitter.continues(line) {
            if let Some(record) = splitter.records.last_mut() {
                record.lines.end = number + 1;
                note_kind(record, line);
            }
        } else {
            splitter.open(number, line, lines);
        }
        splitter.blank = false;
        splitter.shown = line;
        splitter.described = line.trim_end() == "Description:";
    }
    splitter.records
}

impl Splitter<'_> {
    fn open(&mut self, number: usize, line: &str, lines: &[&str]) {
        let after_caret = lines[..number].iter().rev().find(|l| !l.trim().is_empty()).is_some_and(|l| {
            let l = l.trim();
            !l.is_empty() && l.bytes().all(|b| b == b'^' || b == b'~')
        });
        let mut record = Record {
            lines: number..number + 1,
            severity: severity::of_line(line),
            kind: Kind::Plain,
            uncaught: after_caret || self.described || matches(&UNCAUGHT, line),
        };
        self.inside = if line.starts_with("Traceback (most recent") {
            Inside::Traceback
        } else if line.starts_with("panic: ") || line.starts_with("fatal error: ") || line.starts_with("goroutine ") {
            Inside::Dump
        } else if line.starts_with("thread '") && line.trim_end().ends_with(':') {
            Inside::Panic
        } else if line.contains("validation error") && line.contains(" for ") {
            Inside::Fields
        } else {
            Inside::Nothing
        };
        note_kind(&mut record, line);
        self.elixir = line.starts_with("** (");
        self.records.push(record);
    }

    fn continues(&mut self, line: &str) -> bool {
        let Some(last) = self.records.last() else { return false };
        let indented = line.starts_with([' ', '\t']);
        match self.inside {
            Inside::Traceback => {
                if !indented {
                    // the exception line ends the traceback, unless a chained one follows
                    let fields = line.contains("validation error");
                    self.inside = if fields { Inside::Fields } else { Inside::Nothing };
                }
                return true;
            }
            Inside::Fields => {
                let field = line.bytes().all(|b| b.is_ascii_alphanumeric() || b"_. >-".contains(&b));
                if indented || field {
                    return true;
                }
                self.inside = Inside::Nothing;
            }
            Inside::Panic => {
                // the message may have several lines; it ends at a note, at a blank line, or where a logger speaks
                let ends = self.blank || line.starts_with("note: ") || severity::of_line(line) != Severity::Unknown;
                if !ends || last.lines.len() == 1 {
                    return true;
                }
                self.inside = Inside::Nothing;
            }
            Inside::Directive => {
                self.inside = Inside::Nothing;
                return true;
            }
            Inside::Dump => {
                let frame = if self.blank {
                    indented || line.starts_with("goroutine ") || line.starts_with('r')
                } else {
                    indented || line.starts_with('[') || matches(&GO_FRAME, line)
                };
                if frame {
                    return true;
                }
                self.inside = Inside::Nothing;
            }
            Inside::Nothing => {}
        }
        if line.starts_with("Traceback (most recent") {
            // behind the head of a logger's error record, or chained in one record
            let chained = last.kind == Kind::Python && self.blank;
            let logged = last.severity >= Severity::Error && !self.blank && last.lines.len() == 1;
            if chained || logged {
                self.inside = Inside::Traceback;
            }
            return chained || logged;
        }
        if indented {
            return !self.blank || last.kind != Kind::Plain || self.elixir;
        }
        if matches(&JVM_HEAD, line) {
            return last.severity >= Severity::Error && last.lines.len() == 1;
        }
        if line.starts_with(">>> '") {
            self.inside = Inside::Directive;
            return true;
        }
        if npm(line).is_some_and(|own| npm(self.shown) == Some(own)) {
            return true;
        }
        // the advice behind a statement ("Please check your configuration") is of one piece with it
        if line.starts_with("Please ") && !self.blank && last.lines.len() == 1 {
            return true;
        }
        CONTINUES.iter().any(|c| line.starts_with(c)) && (!self.blank || !line.starts_with(['}', ']', ')', '#']))
    }
}

fn note_kind(record: &mut Record, line: &str) {
    let trimmed = line.trim_start();
    if trimmed.starts_with("Traceback (most recent") {
        record.kind = Kind::Python;
    } else if trimmed.starts_with("goroutine ") && record.kind == Kind::Plain {
        record.kind = Kind::Go;
    } else if (trimmed.starts_with("Caused by") || trimmed.starts_with("---> ") || trimmed.starts_with("at "))
        && record.kind == Kind::Plain
    {
        record.kind = Kind::Chain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<(usize, usize, Kind, bool)> {
        let lines: Vec<&str> = text.lines().collect();
        split(&lines).into_iter().map(|r| (r.lines.start, r.lines.end, r.kind, r.uncaught)).collect()
    }

    #[test]
    fn python_chains_are_one_record() {
        let text = "start\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    x()\nKeyError: 'A'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\"\nValueError: b\nlast words";
        assert_eq!(
            shapes(text),
            [(0, 1, Kind::Plain, false), (1, 11, Kind::Python, true), (11, 12, Kind::Plain, false)]
        );
    }

    #[test]
    fn a_logged_traceback_is_not_uncaught() {
        let text = "2024-01-01 ERROR job failed\nTraceback (most recent call last):\n  File \"a.py\"\nKeyError: 'A'\nINFO next";
        assert_eq!(shapes(text), [(0, 4, Kind::Python, false), (4, 5, Kind::Plain, false)]);
    }

    #[test]
    fn java_chains_are_one_record() {
        let text = "2022 ERROR 1 --- [main] o.s.b.SpringApplication : Application run failed\n\norg.x.BeanCreationException: Error creating\n\tat a.b(C.java:1)\nCaused by: java.net.ConnectException: refused\n\t... 2 more\n2022 INFO bye";
        assert_eq!(shapes(text), [(0, 6, Kind::Chain, true), (6, 7, Kind::Plain, false)]);
    }

    #[test]
    fn go_dumps_are_one_record() {
        let text = "I0101 00:00:00.000000 1 a.go:1] up\npanic: boom\n[signal SIGSEGV: segmentation violation code=0x1]\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:42 +0x1d\ncreated by x.y\n\t/a.go:1 +0x2\n\ngoroutine 7 [chan receive]:\nmain.f(0x1)\n\t/b.go:2 +0x3\nexit status 2";
        let got = shapes(text);
        assert_eq!(got[1], (1, 13, Kind::Go, true));
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn node_and_ruby_heads_are_uncaught() {
        let text = "/app/x.js:3\n  throw new Error('a')\n  ^\n\nError: a\n    at Object.<anonymous> (/app/x.js:3:9)\n\nNode.js v20.1.0";
        assert_eq!(shapes(text)[1], (4, 6, Kind::Chain, true));
        assert!(shapes("/app/a.rb:3:in `f': no (RuntimeError)\n\tfrom /app/b.rb:1")[0].3);
    }
}
