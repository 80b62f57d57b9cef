//! A small linear model, to see whether one beside the detectors would find more: hashed pieces of a value and what the detectors say of it
//! are its features, its weights are bytes.
//!
//! It is trained on the half that the detectors are tuned on, here and anew each time: the same samples give the same model. A
//! fifth of that half sets its threshold, so that it takes as few harmless values for attacks as is allowed, and trains nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use detect::{Families, Place};

use crate::corpora::{LABELLED, LEFT_OUT};
use crate::crs::{ABOVE, AT_LEVEL_1, JAVA};
use crate::report::Count;
use crate::sample::{Sample, Split, hash};

/// Weights.
const BUCKETS: usize = 1 << 16;
/// Bytes that are looked at as one.
const WINDOW: usize = 1024;
/// Lengths of pieces.
const PIECES: [usize; 2] = [3, 4];
const EPOCHS: usize = 6;
const RATE: f32 = 0.5;
/// Harmless ones that may be taken for attacks, of so many.
const ALLOWED: usize = 2000;

/// A model.
pub struct Model {
    weights: Vec<i8>,
    /// What one step of a weight is worth.
    step: f32,
    bias: f32,
    threshold: f32,
}

/// What a model is asked of a sample: what it is, whether the detectors find it, and its features.
pub struct Asked {
    source: &'static str,
    class: &'static str,
    split: Split,
    key: u64,
    own: bool,
    bag: Bag,
}

impl Asked {
    fn of(sample: &Sample) -> Self {
        let bytes: Vec<u8> = sample.values.iter().flat_map(|(_, value)| value.iter().copied()).collect();
        let Sample { source, class, split, .. } = *sample;
        Self { source, class, split, key: hash(&bytes), own: sample.is_found(), bag: bag(sample) }
    }

    /// Each of them, on both cores.
    pub fn all(attacks: &[Sample], benign: &[Sample]) -> Vec<Self> {
        let samples: Vec<&Sample> = attacks.iter().chain(benign).collect();
        std::thread::scope(|scope| {
            let threads: Vec<_> = samples
                .chunks(samples.len().div_ceil(2).max(1))
                .map(|samples| {
                    scope.spawn(move || samples.iter().map(|one| Self::of(one)).collect::<Vec<_>>())
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn is_attack(&self) -> bool {
        self.class != "harmless"
    }
}

/// The features of each value of a sample, or of each window of it.
type Bag = Vec<Vec<u16>>;

/// A value as pieces are taken from it: without one layer of escapes, in lower case, digits alike.
fn plain(value: &[u8]) -> Vec<u8> {
    let bytes = detect::percent_decoded(value);
    let alike = |byte: &u8| match byte {
        b'0'..=b'9' => b'0',
        byte if byte.is_ascii_whitespace() => b' ',
        byte => byte.to_ascii_lowercase(),
    };
    [2].into_iter().chain(bytes.iter().map(alike)).chain([3]).collect()
}

fn bucket(key: &[u8]) -> u16 {
    let hash = hash(key);
    ((hash ^ hash >> 32) as usize % BUCKETS) as u16
}

/// What the surest detector says, below its threshold too.
fn hit(place: Place, value: &[u8]) -> Option<u16> {
    let found = detect::inspect(place, value, Families::NONE)?;
    Some(bucket(format!("{}/{} {}", found.family.name(), found.rule, found.score).as_bytes()))
}

fn bag(sample: &Sample) -> Bag {
    let values = sample.values.iter().filter(|(place, _)| *place != Place::Name);
    let of_value = |(place, value): &(Place, Vec<u8>)| {
        let hit = hit(*place, value);
        let windows = value.chunks(WINDOW).map(move |window| {
            let text = plain(window);
            let pieces = PIECES.iter().flat_map(|length| text.windows(*length)).map(bucket);
            let mut found: Vec<u16> = pieces.chain(hit).collect();
            found.sort_unstable();
            found.dedup();
            found
        });
        windows.collect::<Vec<_>>()
    };
    values.flat_map(of_value).collect()
}

/// A sum of weights, so that long values do not count for more than short ones.
fn sum(weights: impl Fn(u16) -> f32, features: &[u16]) -> f32 {
    let all: f32 = features.iter().map(|feature| weights(*feature)).sum();
    all / (features.len().max(1) as f32).sqrt()
}

/// The surest window of a bag, with its sum.
fn surest(weights: impl Fn(u16) -> f32 + Copy, bag: &Bag) -> Option<(f32, &[u16])> {
    let all = bag.iter().map(|features| (sum(weights, features), features.as_slice()));
    all.max_by(|one, other| one.0.total_cmp(&other.0))
}

impl Model {
    /// Trains one on the samples of the half that is tuned on, without those that are left out.
    pub fn train(samples: &[Asked], is_left_out: impl Fn(&Asked) -> bool) -> Self {
        let tuned = samples.iter().filter(|one| one.split == Split::Tune && !is_left_out(one));
        let mut tuned: Vec<&Asked> = tuned.collect();
        tuned.sort_by_key(|one| one.key);
        let (held, training): (Vec<&Asked>, Vec<&Asked>) =
            tuned.into_iter().partition(|one| (one.key >> 40).is_multiple_of(5));
        let (weights, bias) = descend(&training);
        let most = weights.iter().fold(f32::MIN_POSITIVE, |most, weight| most.max(weight.abs()));
        let step = most / 127.0;
        let weights = weights.iter().map(|weight| (weight / step).round() as i8).collect();
        let mut model = Self { weights, step, bias, threshold: 0.0 };
        let harmless = held.iter().filter(|one| !one.is_attack());
        let mut scores: Vec<f32> = harmless.map(|one| model.of_bag(&one.bag)).collect();
        scores.sort_by(|one, other| other.total_cmp(one));
        // Above the first that is not allowed.
        model.threshold = scores.get(scores.len() / ALLOWED).copied().unwrap_or(0.0).max(0.0);
        model
    }

    fn weight(&self, feature: u16) -> f32 {
        f32::from(self.weights[feature as usize]) * self.step
    }

    fn of_bag(&self, bag: &Bag) -> f32 {
        surest(|feature| self.weight(feature), bag).map_or(f32::MIN, |(sum, _)| sum + self.bias)
    }

    pub fn is_found(&self, sample: &Sample) -> bool {
        self.of_bag(&bag(sample)) > self.threshold
    }

    fn finds(&self, asked: &Asked) -> bool {
        self.of_bag(&asked.bag) > self.threshold
    }

    /// The pieces of a value that speak most for an attack, with what each adds.
    pub fn explain(&self, value: &[u8]) -> Vec<(String, f32)> {
        let text = plain(value);
        let pieces = PIECES.iter().flat_map(|length| text.windows(*length));
        let named = pieces.map(|piece| (piece.escape_ascii().to_string(), self.weight(bucket(piece))));
        let rule =
            hit(Place::Value, value).map(|hit| (String::from("what the detectors say"), self.weight(hit)));
        let mut all: Vec<(String, f32)> = named.chain(rule).collect();
        all.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        all.dedup();
        all.truncate(6);
        all
    }
}

/// Logistic regression by AdaGrad (J. Duchi, E. Hazan, Y. Singer, 2011), always in one order.
fn descend(samples: &[&Asked]) -> (Vec<f32>, f32) {
    let (mut weights, mut spent) = (vec![0.0_f32; BUCKETS], vec![1e-4_f32; BUCKETS]);
    let (mut bias, mut bias_spent) = (0.0_f32, 1e-4_f32);
    for epoch in 0..EPOCHS {
        for at in 0..samples.len() {
            // Keys are hashes, so that neighbors are strangers; each epoch begins elsewhere.
            let one = samples[(at + epoch * 7919) % samples.len()];
            let found = surest(|feature| weights[feature as usize], &one.bag);
            let Some((sum, features)) = found else { continue };
            let wanted = if one.is_attack() { 1.0 } else { 0.0 };
            let error = 1.0 / (1.0 + (-(sum + bias)).exp()) - wanted;
            let slope = error / (features.len().max(1) as f32).sqrt();
            for feature in features {
                let (weight, spent) = (&mut weights[*feature as usize], &mut spent[*feature as usize]);
                *spent += slope * slope;
                *weight -= RATE * slope / spent.sqrt();
            }
            bias_spent += error * error;
            bias -= RATE * error / bias_spent.sqrt();
        }
    }
    (weights, bias)
}

/// What a model finds of classes that it was not trained on, and how it explains itself.
pub fn section(page: &mut String, samples: &[Asked], model: &Model) {
    page.push_str(INTRODUCTION);
    let tuned = samples.iter().filter(|one| one.split == Split::Tune && one.is_attack());
    let classes: BTreeSet<&str> = tuned.map(|one| one.class).collect();
    for class in classes {
        let is = |one: &Asked| one.class == class;
        row(page, class, &Model::train(samples, is), samples, is);
    }
    for (name, sources) in [("CRS tests", &[AT_LEVEL_1, ABOVE][..]), ("labelled values", &[LABELLED][..])] {
        let is = |one: &Asked| one.is_attack() && sources.contains(&one.source);
        row(page, &format!("{name} (source)"), &Model::train(samples, is), samples, is);
    }
    row(page, "Java, CRS tests (never trained on)", model, samples, |one| one.class == JAVA);
    row(page, "unit tests of libinjection's port (never trained on)", model, samples, |one| {
        one.is_attack() && one.source == LEFT_OUT
    });
    page.push_str("\nWhat speaks most for an attack in two values, by weight:\n\n");
    for value in ["x' or '1'='1", "<img src=x onerror=alert(1)>"] {
        let reasons: Vec<String> = model
            .explain(value.as_bytes())
            .iter()
            .map(|(piece, weight)| format!("`{piece}` {weight:+.2}"))
            .collect();
        let _ = writeln!(page, "- `{value}`: {}", reasons.join(", "));
    }
}

/// One row: attacks that were left out of training, and what is taken for an attack with the model beside the detectors.
fn row(
    page: &mut String,
    name: &str,
    model: &Model,
    samples: &[Asked],
    is_left_out: impl Fn(&Asked) -> bool,
) {
    let [mut own, mut alone, mut both, mut wrong] = [Count::default(); 4];
    for one in samples.iter().filter(|one| one.split == Split::Report) {
        if is_left_out(one) {
            let found = model.finds(one);
            own.add(one.own);
            alone.add(found);
            both.add(one.own || found);
        } else if !one.is_attack() {
            wrong.add(one.own || model.finds(one));
        }
    }
    let rates = [own.short(1), alone.short(1), both.short(1), wrong.short(3)];
    let _ = writeln!(page, "| {name} | {} | {} |", both.of, rates.join(" | "));
}

const INTRODUCTION: &str = "
## Whether a model would help

A linear model over hashed pieces of three and four bytes and over what the detectors say below their threshold, 64 KiB of one-byte
weights, trained anew by `make detection` on the half that is tuned on. Its threshold is the one at which one in 2,000 harmless samples that it was not trained
on is taken for an attack. Each row is a model that has seen nothing of the class, or of the source, whose attacks it is asked for; the last
column is what the two together take for an attack, of all harmless samples. It is in no program: it would have to find clearly more of what it has not
seen, at no more false alarms than the detectors have, and this says whether it does.

| left out of training | N | own detectors | model | own and model | false, own and model |
|---|--:|---|---|---|---|
";
