//! Which crashes have one explanation. Those of one signature are taken to, until a look at one pod says otherwise: exit code 1
//! is everybody's. That pod then has a line of its own, the signature with the reason behind it.

use std::collections::BTreeSet;

use super::{
    AT_ONCE, Count, Explained, Incident, LOOK_AGAIN, LOOK_AT_LEAST, LOOKS_AT_FIRST, LookFor, Past, SAMPLE, VAGUE_LOOKS,
};
use crate::diagnose::facts::Timestamp;
use crate::report::resource::{self, Verdict};

/// Between the signature and the reason; no message holds it.
const OWN: char = '\u{1}';

/// The signature, as the watch shows it.
pub fn base(line: &str) -> &str {
    line.split_once(OWN).map_or(line, |(base, _)| base)
}

impl Explained {
    /// Whether a crash that looks like this one is to be looked at.
    pub(super) fn look_for(&self, uid: &str, fresh: bool, now: Timestamp) -> LookFor {
        match fresh {
            true if now >= self.look_again => LookFor::Explanation,
            true if self.looked.len() < SAMPLE && !self.looked.contains(uid) => LookFor::Sample,
            _ => LookFor::Nothing,
        }
    }

    /// Seconds for which it holds without another look.
    fn pause(&self) -> i64 {
        match self.confirmed {
            // A verdict that says nothing may be due to a log that was read a moment too late: the next crash has another.
            n if self.verdict.is_vague() && n < VAGUE_LOOKS => 0,
            0 => AT_ONCE,
            n if n < LOOKS_AT_FIRST => 0,
            n => (LOOK_AGAIN << (n - LOOKS_AT_FIRST).min(5)).min(LOOK_AT_LEAST),
        }
    }
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(now.as_second() + seconds).unwrap_or(now)
}

impl Incident {
    /// A look at this pod's crash has begun.
    pub fn look_begins(&mut self, uid: &str) {
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.looked_at = true;
        }
    }

    /// How many pods were looked at, besides this one, before the others were taken to be alike.
    pub fn looked(&self, signature: &str, uid: &str) -> usize {
        let explained = self.explained.iter().find(|e| e.signature == signature);
        explained.map_or(0, |e| e.looked.iter().filter(|u| *u != uid).count())
    }

    /// Names the cause of crashes that had none yet, and says how many there were. Those of a pod that is being looked at wait.
    pub(super) fn count(&mut self, signature: &str, verdict: &Verdict) -> Count {
        let waiting: Vec<&str> = self.pods.values().filter(|p| p.looked_at).map(|p| p.name.as_str()).collect();
        // Of crashes from an earlier life the signature is not known.
        let alike = |p: &&mut Past| p.signature == signature || p.signature.is_empty();
        let unnamed = |p: &&mut Past| p.entry.reason.is_empty() && !waiting.contains(&p.entry.pod.as_str());
        for past in self.history.iter_mut().filter(unnamed).filter(alike) {
            past.entry.cause.clone_from(&verdict.cause);
            past.entry.reason.clone_from(&verdict.reason);
        }
        let pods = &self.pods;
        let mut crashes = 0;
        self.uncounted.retain(|(line, uid), n| {
            let counts = line == signature && !pods.get(uid).is_some_and(|p| p.looked_at);
            crashes += if counts { *n } else { 0 };
            !counts
        });
        Count { cause: verdict.cause.clone(), reason: verdict.reason.clone(), crashes }
    }

    /// What a look at a crash of this signature, of this pod, came to.
    pub fn explain(&mut self, signature: &str, uid: &str, verdict: Verdict, now: Timestamp) {
        let Some(line) = self.line(base(signature), uid, &verdict) else { return };
        self.move_pod(signature, &line, uid, now);
        self.name_crashes(&line, uid, &verdict);
        self.take(&line, uid, verdict, now);
        self.join_alike(&line);
        self.forget_rare_verdicts();
    }

    /// Where this pod belongs: to those that look like it, unless they are explained by something else. `None`: nothing is said that
    /// would be better than what is known of the others.
    fn line(&self, base: &str, uid: &str, verdict: &Verdict) -> Option<String> {
        let main = self.explained.iter().find(|e| e.signature == base).map(|e| &e.verdict);
        let others = || self.pods.iter().any(|(u, p)| u != uid && p.signature == base);
        match main {
            Some(main) if main.reason != verdict.reason && !main.is_vague() && others() => {
                (!verdict.is_vague()).then(|| format!("{base}{OWN}{}", verdict.reason))
            }
            _ => Some(base.into()),
        }
    }

    /// The pod and its crashes that have no name yet go over to another line.
    fn move_pod(&mut self, from: &str, to: &str, uid: &str, now: Timestamp) {
        let Some(pod) = self.pods.get_mut(uid).filter(|_| from != to) else { return };
        if base(&pod.signature) == base(to) {
            pod.signature = to.into();
        }
        let newest = self.history.iter().position(|p| p.entry.pod == pod.name && p.signature == from);
        for (i, past) in self.history.iter_mut().enumerate() {
            let unnamed = past.entry.reason.is_empty() || Some(i) == newest;
            if past.entry.pod == pod.name && past.signature == from && unnamed {
                past.signature = to.into();
            }
        }
        if let Some(n) = self.uncounted.remove(&(from.to_owned(), uid.to_owned())) {
            *self.uncounted.entry((to.into(), uid.into())).or_default() += n;
        }
        // The others may have changed as well.
        if let Some(e) = self.explained.iter_mut().find(|e| e.signature == from) {
            e.looked.remove(uid);
            e.look_again = e.look_again.min(now);
        }
    }

    /// What looked at gets its name; what had but a vague one gets the better one.
    fn name_crashes(&mut self, line: &str, uid: &str, verdict: &Verdict) {
        let name = self.pods.get(uid).map(|p| p.name.clone());
        let of_pod = |p: &Past| name.as_ref().is_none_or(|n| *n == p.entry.pod);
        let newest = self.history.iter().position(|p| p.signature == line && of_pod(p));
        let better = !verdict.is_vague();
        for (i, past) in self.history.iter_mut().enumerate().filter(|(_, p)| p.signature == line) {
            if Some(i) == newest || (better && resource::is_vague(&past.entry.reason)) {
                past.entry.cause.clone_from(&verdict.cause);
                past.entry.reason.clone_from(&verdict.reason);
            }
        }
    }

    fn take(&mut self, line: &str, uid: &str, verdict: Verdict, now: Timestamp) {
        let old = self.explained.iter().position(|e| e.signature == line).map(|i| self.explained.remove(i));
        self.explained.retain(|e| !e.signature.is_empty());
        let same = old.as_ref().filter(|e| e.verdict.reason == verdict.reason);
        let mut looked = same.map_or_else(BTreeSet::new, |e| e.looked.clone());
        if looked.len() < SAMPLE {
            looked.insert(uid.to_owned());
        }
        // Another pod says the same: no reason to tell it in other words.
        if let Some(e) = same.filter(|e| e.by != uid && now < e.look_again && !verdict.is_vague()) {
            return self.explained.push(Explained { looked, ..e.clone() });
        }
        let confirmed = same.map_or(0, |e| e.confirmed);
        let look_again = same.map_or(Timestamp::MIN, |e| e.look_again).max(later(now, AT_ONCE));
        let signature = line.into();
        self.explained.push(Explained { signature, verdict, confirmed, look_again, by: uid.into(), looked });
    }

    /// Where all have come to what one had on a line of its own, there is one line again.
    fn join_alike(&mut self, line: &str) {
        let Some(reason) = self.explanation(line).map(|v| v.reason.clone()).filter(|_| base(line) == line) else {
            return;
        };
        let own = format!("{line}{OWN}{reason}");
        self.explained.retain(|e| e.signature != own);
        for pod in self.pods.values_mut().filter(|p| p.signature == own) {
            pod.signature = line.into();
        }
        for past in self.history.iter_mut().filter(|p| p.signature == own) {
            past.signature = line.into();
        }
        let waiting: Vec<_> = self.uncounted.keys().filter(|(l, _)| *l == own).cloned().collect();
        for key in waiting {
            let n = self.uncounted.remove(&key).unwrap_or_default();
            *self.uncounted.entry((line.into(), key.1)).or_default() += n;
        }
    }

    /// The look at crashes of this signature is over: they are counted under what it came to, not under a first guess.
    pub fn look_over(&mut self, signature: &str, uid: &str, now: Timestamp) -> Vec<Count> {
        let mut lines = vec![signature.to_owned()];
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.looked_at = false;
            if pod.signature != signature && base(&pod.signature) == base(signature) {
                lines.push(pod.signature.clone());
            }
        }
        for e in self.explained.iter_mut().filter(|e| e.by == uid && lines.contains(&e.signature)) {
            e.look_again = later(now, e.pause());
            e.confirmed += 1;
        }
        let explained = |l: String| Some((self.explanation(&l)?.clone(), l));
        let known: Vec<(Verdict, String)> = lines.into_iter().filter_map(explained).collect();
        known.iter().map(|(verdict, line)| self.count(line, verdict)).collect()
    }
}
