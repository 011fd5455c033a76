//! The rows at the top of the table: one per crashing container, whatever the lengths of names within the width.

use crate::diagnose::facts::{Timestamp, seconds_between};
use crate::report::resource;

use super::answer::Answer;
use super::table::{self, Style};

/// Narrowest that a column of names may become.
const NARROWEST: usize = 14;
/// Columns whose cells may lose their middle.
const NAMES: &[&str] = &["NAMESPACE", "WORKLOAD", "CONTAINER"];
/// Between columns.
const GAP: usize = 2;

struct Column {
    head: &'static str,
    cells: Vec<String>,
    width: usize,
}

impl Column {
    fn new(head: &'static str, answers: &[Answer], cell: impl Fn(&Answer) -> String) -> Self {
        let cells: Vec<String> = answers.iter().map(cell).collect();
        let width = cells.iter().map(|c| c.chars().count()).chain([head.len()]).max().unwrap_or(0);
        Self { head, cells, width }
    }

    fn shrinks(&self) -> bool {
        NAMES.contains(&self.head) && self.width > NARROWEST
    }
}

/// A head line, and a line per answer.
pub fn overview(answers: &[Answer], now: Timestamp, style: &Style) -> String {
    let columns = fit(columns(answers, now), style.width);
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().map(|c| format!("{:<1$}", middle(&cell(c), c.width), c.width + GAP));
        cells.collect::<String>().trim_end().to_owned()
    };
    let mut out = table::paint(&line(&|c| c.head.to_owned()), table::BOLD, style) + "\n";
    for i in 0..answers.len() {
        out += &(line(&|c| c.cells.get(i).cloned().unwrap_or_default()) + "\n");
    }
    out
}

fn columns(answers: &[Answer], now: Timestamp) -> Vec<Column> {
    let column = |head, cell: &dyn Fn(&Answer) -> String| Column::new(head, answers, cell);
    let mut all = vec![
        column("WORKLOAD", &|a| resource::workload_words(&a.workload)),
        column("CONTAINER", &|a| a.container.clone()),
        column("CAUSE", &|a| a.cause.clone()),
        column("REASON", &|a| a.reason.clone()),
        column("PODS", &|a| format!("{}/{}", a.pods_affected, a.pods_total)),
        column("RESTARTS", &|a| a.restarts.to_string()),
        column("LAST CRASH", &|a| {
            let last = a.pods.iter().filter_map(|p| p.last_crash_at.as_ref()).map(|t| t.0).max();
            last.and_then(|t| seconds_between(t, now)).map_or_else(|| "-".into(), short_age)
        }),
    ];
    if answers.iter().any(|a| a.namespace != answers[0].namespace) {
        all.insert(0, column("NAMESPACE", &|a| a.namespace.clone()));
    }
    all
}

/// Takes from the widest column of names; where that is not enough, the cause goes: it stands with each answer below.
fn fit(mut columns: Vec<Column>, width: usize) -> Vec<Column> {
    let total = |columns: &[Column]| columns.iter().map(|c| c.width + GAP).sum::<usize>() - GAP;
    let least = |c: &Column| if c.shrinks() { NARROWEST } else { c.width };
    if columns.iter().map(|c| least(c) + GAP).sum::<usize>() > width + GAP {
        columns.retain(|c| c.head != "CAUSE");
    }
    while total(&columns) > width {
        let Some(widest) = columns.iter_mut().filter(|c| c.shrinks()).max_by_key(|c| c.width) else { break };
        widest.width -= 1;
    }
    columns
}

/// Without its middle where it is too long: the ends of generated names tell most.
fn middle(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let head = width / 2;
    let tail = width - head - 1;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(count - tail)).collect()
}

/// As kubectl prints ages: `45s`, `12m`, `3h`, `2d`.
fn short_age(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
