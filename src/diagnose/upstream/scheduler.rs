//! The scheduler's sentence, shortened to what a person needs.

/// `0/3 nodes: 2 Insufficient cpu, 1 untolerated taint dedicated=db`.
pub(super) fn short(message: &str) -> String {
    let message = message.split(" preemption:").next().unwrap_or(message);
    let message = message.split(" no new claims to deallocate").next().unwrap_or(message);
    let Some((count, rest)) = message.split_once(" nodes are available:") else {
        return super::super::words::cut(message.trim_end_matches(['.', ' ']), 240);
    };
    let reasons: Vec<String> = split(rest).into_iter().map(|r| reason(&r)).filter(|r| !r.is_empty()).collect();
    super::super::words::cut(&format!("{} nodes: {}", count.trim(), reasons.join(", ")), 240)
}

/// At commas outside braces.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth) = (Vec::new(), String::new(), 0_i32);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    parts
}

fn reason(part: &str) -> String {
    let part = part.trim().trim_end_matches('.').trim();
    let Some((head, taint)) = part.split_once('{') else {
        return part.replace("node(s) were unschedulable", "cordoned (unschedulable)").replace("node(s) ", "");
    };
    let taint = taint.split('}').next().unwrap_or_default().trim();
    let taint = match taint.split_once(':') {
        Some((key, value)) if value.trim().is_empty() => key.trim().to_owned(),
        Some((key, value)) => format!("{}={}", key.trim(), value.trim()),
        None => taint.to_owned(),
    };
    let head = head.replace("node(s) had ", "").replace("node(s) ", "");
    let head = head.trim();
    format!("{head} {taint}")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn sentences_of_several_releases() {
        for (message, words) in [
            (
                "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
                "0/3 nodes: 1 untolerated taint dedicated=db, 2 Insufficient cpu",
            ),
            (
                "0/1 nodes are available: 1 node(s) had taint {node.kubernetes.io/disk-pressure: }, that the pod didn't tolerate.",
                "0/1 nodes: 1 taint node.kubernetes.io/disk-pressure, that the pod didn't tolerate",
            ),
            (
                "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: x",
                "0/3 nodes: pod has unbound immediate PersistentVolumeClaims",
            ),
            (
                "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
                "0/2 nodes: 2 didn't match Pod's node affinity/selector",
            ),
            ("no nodes available to schedule pods", "no nodes available to schedule pods"),
        ] {
            assert_eq!(short(message), words);
        }
    }
}
