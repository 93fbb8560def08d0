//! `god-flow timeline`: who used which GPU when, as text, as a picture, or as a trace.

use std::path::{Path, PathBuf};

use super::{Exit, out::Out, stored::Where};
use crate::view::{self, Lane, Timeline, Went, between};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// Writes it as a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes it as a trace for ui.perfetto.dev.
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let told = match args.place.open(out).and_then(|stored| stored.told(&args.run, out)) {
        Ok(told) => told,
        Err(exit) => return exit,
    };
    let timeline = view::timeline(&told.history, told.now());
    let title = format!("{} · {}", told.header.name, told.header.title);
    if let Some(path) = &args.svg
        && let Err(exit) = write(path, &view::svg(&title, &timeline), out)
    {
        return exit;
    }
    if let Some(path) = &args.perfetto
        && let Err(exit) = write(path, &format!("{}\n", view::perfetto(&told.header.name, &timeline)), out)
    {
        return exit;
    }
    match (out.json, args.svg.is_none() && args.perfetto.is_none()) {
        (true, _) => out.json_data(&timeline),
        (false, true) => out.data(&text(&title, &timeline, out)),
        (false, false) => Exit::Fine,
    }
}

fn write(path: &Path, text: &str, out: &Out) -> Result<(), Exit> {
    std::fs::write(path, text).map_err(|error| out.failure(&format!("cannot write {}: {error}", path.display())))?;
    out.say(&format!("wrote {}\n", path.display()));
    Ok(())
}

/// One line for each GPU: full where it was busy all the time, `x` where an attempt failed.
fn text(title: &str, timeline: &Timeline, out: &Out) -> String {
    let whole = between(timeline.from, timeline.to);
    let mut text = format!("{title}\n");
    let labels: Vec<String> = timeline.lanes.iter().map(label).collect();
    let gpus: Vec<(&Lane, &String)> =
        timeline.lanes.iter().zip(&labels).filter(|(lane, _)| lane.gpu.is_some()).collect();
    let label_width = gpus.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
    let width = out.look().width.saturating_sub(label_width + 9).clamp(20, 200);
    for (lane, label) in &gpus {
        let cells: String = (0..width).map(|at| cell(lane, timeline, at, width, out.unicode)).collect();
        text.push_str(&format!("{label:<label_width$}  {cells} {:>3.0} %\n", 100.0 * lane.busy));
    }
    if !gpus.is_empty() {
        let end = whole.rough();
        let gap = width.saturating_sub(end.chars().count() + 1);
        text.push_str(&format!("{:<label_width$}  0{:<gap$}{end}\n", "", ""));
    }
    let plain = timeline.lanes.iter().filter(|lane| lane.gpu.is_none()).map(|lane| lane.stretches.len()).sum::<usize>();
    text.push_str(&format!(
        "{} in all; {:.1} GPU-hours, GPUs busy {:.0} %; {plain} attempts without GPUs\n",
        whole.rough(),
        timeline.gpu_hours,
        100.0 * timeline.busy
    ));
    text
}

fn label(lane: &Lane) -> String {
    match (&lane.gpu, &lane.kind) {
        (Some(gpu), Some(kind)) => format!("{} {gpu} {kind}", lane.host),
        (Some(gpu), None) => format!("{} {gpu}", lane.host),
        (None, _) => lane.host.to_string(),
    }
}

fn cell(lane: &Lane, timeline: &Timeline, at: usize, width: usize, unicode: bool) -> char {
    let whole = between(timeline.from, timeline.to).millis().max(1) as f64;
    let (from, to) = (whole * at as f64 / width as f64, whole * (at + 1) as f64 / width as f64);
    let first = lane.stretches.partition_point(|it| (between(timeline.from, it.to).millis() as f64) <= from);
    let (mut busy, mut failed) = (0.0, false);
    for it in &lane.stretches[first..] {
        let (start, end) =
            (between(timeline.from, it.from).millis() as f64, between(timeline.from, it.to).millis() as f64);
        if start >= to {
            break;
        }
        busy += (end.min(to) - start.max(from)).max(0.0);
        failed |= it.went == Went::Failed;
    }
    match (busy / (to - from), failed, unicode) {
        (share, true, _) if share > 0.0 => 'x',
        (share, _, true) if share > 0.9 => '█',
        (share, _, true) if share > 0.5 => '▓',
        (share, _, true) if share > 0.0 => '░',
        (_, _, true) => '·',
        (share, _, false) if share > 0.9 => '#',
        (share, _, false) if share > 0.0 => '+',
        (_, _, false) => '.',
    }
}
