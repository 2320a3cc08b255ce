//! Test of every cell of the tables in `table.md`.

use super::*;

/// The content of a cell: the state afterwards, or the broken rule.
type Cell = String;

/// Rows of the table under a heading: the state, then (call, cell) for each column.
fn table(heading: &str) -> Vec<(String, Vec<(String, Cell)>)> {
	let page = include_str!("../../table.md");
	let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("the heading is there");
	let cells =
		|line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect() };
	let mut lines = section.lines().filter(|line| line.starts_with('|'));
	let columns = cells(lines.next().expect("a table has a head"));
	let rows = lines.skip(1).map(cells);
	rows.map(|row| (row[0].clone(), columns[1..].iter().cloned().zip(row[1..].iter().cloned()).collect())).collect()
}

/// Tries every cell in a world of its own, and tells all that differ at once.
fn try_every_cell(heading: &str, set_up: fn(&str), attempt: fn(&str, &str) -> Result<Cell, DispatchError>) {
	let mut differing = Vec::new();
	let mut cells = 0;
	for (state, columns) in table(heading) {
		for (call, expected) in columns {
			world(|| {
				set_up(&state);
				let found = attempt(&state, &call).unwrap_or_else(rule);
				if found != expected {
					differing.push(format!("{state} × {call}: documented {expected}, found {found}"));
				}
			});
			cells += 1;
		}
	}
	assert!(cells > 0 && differing.is_empty(), "{differing:#?}");
}

/// Moves to a moment without sweeping, so that the call itself has to settle what is due.
fn pass(state: &str, moment: Moment) {
	if state.ends_with("past") {
		at(moment);
	}
}

fn task_state(status: TaskStatus) -> Cell {
	match status {
		TaskStatus::Paused { .. } => "Paused".into(),
		TaskStatus::Closing { .. } => "Closing".into(),
		TaskStatus::Final { outcome, .. } => format!("{outcome:?}"),
		other => format!("{other:?}"),
	}
}

fn set_up_task(state: &str) {
	if state.starts_with("Waiting") {
		let parent = create(Terms { deadline: DEADLINE + 5_000, ..terms() }, spec()).unwrap();
		create(terms(), child_of(parent)).unwrap();
		return pass(state, DEADLINE + 1);
	}
	create(terms(), spec()).unwrap();
	let task = create(Terms { slots: 3, max_rejects: 3, timeout: 20_000, ..judged() }, spec()).unwrap();
	if state.starts_with("Paused") {
		take(BOB, task).unwrap();
		take(CAROL, task).unwrap();
		take(ERIN, task).unwrap();
		report(BOB, task, FailureCategory::TaskError).unwrap();
	} else {
		take(CAROL, task).unwrap();
		take(ERIN, task).unwrap();
	}
	send(ERIN, task).unwrap();
	match state {
		"Closing" => cancel(task, false).unwrap(),
		"Final" | "Final, past" => {
			accept(JUDGE, task, 1).unwrap();
			cancel(task, true).unwrap();
		}
		_ => {}
	}
	if state == "Paused, over" {
		at(START + PAUSE + 1);
	}
	pass(state, DEADLINE + if state.starts_with("Final") { RETENTION } else { 1 });
}

fn call_on_task(_: &str, name: &str) -> Result<Cell, DispatchError> {
	let id = 2;
	match name {
		"cancel" => cancel(id, false),
		"cancel, abort" => cancel(id, true),
		"resume" => call(CREATOR, Call::resume_task { task: id }),
		"take" => take(DAVE, id),
		"send" => send(CAROL, id),
		"report" => report(CAROL, id, FailureCategory::TaskError),
		"hand back" => hand_back(CAROL, id),
		"confirm" => call(CREATOR, Call::confirm_failure { task: id, worker: CAROL }),
		"accept" => accept(JUDGE, id, 1),
		"reject" => reject(JUDGE, id, 1),
		"poke" => poke(Object::Task(id)),
		"purge" => call(CREATOR, Call::purge_task { task: id }),
		_ => panic!("no such call: {name}"),
	}?;
	Ok(Tasks::<World>::get(id).map_or("Purged".into(), |task| task_state(task.status)))
}

#[test]
fn every_call_does_with_a_task_what_the_table_says() {
	try_every_cell("Tasks", set_up_task, call_on_task);
}

fn assignment_state(worker: Account, task: TaskId) -> Cell {
	let Some(attempt) = Assignments::<World>::get(worker, task) else { return "None".into() };
	match attempt.state {
		AssignmentState::Submitted { .. } => "Submitted".into(),
		AssignmentState::Failed { .. } => "Failed".into(),
		AssignmentState::Aborted { .. } => "Aborted".into(),
		AssignmentState::HandedBack { .. } => "HandedBack".into(),
		other => format!("{other:?}"),
	}
}

fn set_up_assignment(state: &str) {
	let task = create(Terms { slots: 3, max_failures: 3, ..judged() }, spec()).unwrap();
	if state == "None" {
		return;
	}
	take(CAROL, task).unwrap();
	match state {
		"Submitted" => send(CAROL, task).unwrap(),
		"Failed, of the task" => report(CAROL, task, FailureCategory::TaskError).unwrap(),
		"Failed, may pass" => report(CAROL, task, FailureCategory::NodeError).unwrap(),
		"Lapsed" => sweep_at(START + TIMEOUT + 1),
		"Aborted" => {
			// A second result keeps the task from being final.
			take(ERIN, task).unwrap();
			send(ERIN, task).unwrap();
			cancel(task, true).unwrap();
		}
		"HandedBack" => hand_back(CAROL, task).unwrap(),
		"HandedBack twice" => {
			at(START + 1);
			hand_back(CAROL, task).unwrap();
			take(CAROL, task).unwrap();
			at(START + 2);
			hand_back(CAROL, task).unwrap();
		}
		_ => {}
	}
	// A report of this very block can't be confirmed.
	at(TaskPallet::now() + u64::from(state.starts_with("Failed")));
	pass(state, START + TIMEOUT + 1);
}

fn call_on_assignment(state: &str, name: &str) -> Result<Cell, DispatchError> {
	let id = 1;
	match name {
		"take" => take(CAROL, id),
		"send" if state == "Submitted" => {
			let (epoch, outputs) = (1, Default::default());
			let other = digest(99);
			call(
				CAROL,
				Call::send_task_result {
					task: id,
					epoch,
					result: other,
					outputs,
					uri: Default::default(),
					perfs: Default::default(),
				},
			)
		}
		"send" => send(CAROL, id),
		"send again" => send(CAROL, id).and_then(|()| send(CAROL, id)),
		"report" => report(CAROL, id, FailureCategory::TaskError),
		"hand back" => hand_back(CAROL, id),
		"confirm" => call(CREATOR, Call::confirm_failure { task: id, worker: CAROL }),
		// An aborted task may only be aborted again while it is closing.
		"abort" => cancel(id, true),
		"poke" => poke(Object::Assignment(CAROL, id)),
		_ => panic!("no such call: {name}"),
	}?;
	Ok(assignment_state(CAROL, id))
}

#[test]
fn every_call_does_with_an_assignment_what_the_table_says() {
	try_every_cell("Assignments", set_up_assignment, call_on_assignment);
}

fn set_up_submission(state: &str) {
	let task = create(Terms { slots: 2, max_rejects: 2, ..judged() }, spec()).unwrap();
	take(CAROL, task).unwrap();
	send(CAROL, task).unwrap();
	match state {
		"Accepted" => accept(JUDGE, task, 1).unwrap(),
		"Rejected" => reject(JUDGE, task, 1).unwrap(),
		_ => pass(state, START + WINDOW + 1),
	}
}

fn call_on_submission(_: &str, name: &str) -> Result<Cell, DispatchError> {
	match name {
		"accept" => accept(JUDGE, 1, 1),
		"reject" => reject(JUDGE, 1, 1),
		"accept, not the judge" => accept(CREATOR, 1, 1),
		"poke" => poke(Object::Submission(1, 1)),
		"send again" => send(CAROL, 1),
		_ => panic!("no such call: {name}"),
	}?;
	Ok(match submission(1, 1).status {
		SubmissionStatus::UnderReview { .. } => "UnderReview",
		SubmissionStatus::Accepted { .. } => "Accepted",
		SubmissionStatus::Rejected { .. } => "Rejected",
	}
	.into())
}

#[test]
fn every_call_does_with_a_submission_what_the_table_says() {
	try_every_cell("Submissions", set_up_submission, call_on_submission);
}

fn set_up_plan(state: &str) {
	call(CREATOR, Call::create_plan {}).unwrap();
	if state == "Cancelled" {
		call(CREATOR, Call::cancel_plan { plan: 1, abort: false }).unwrap();
	}
}

fn call_on_plan(_: &str, name: &str) -> Result<Cell, DispatchError> {
	match name {
		"cancel" => call(CREATOR, Call::cancel_plan { plan: 1, abort: false }),
		"cancel, not the creator" => call(BOB, Call::cancel_plan { plan: 1, abort: false }),
		"add a task" => create(Terms { plan: Some(1), ..terms() }, spec()).map(|_| ()),
		"poke" => poke(Object::Plan(1)),
		_ => panic!("no such call: {name}"),
	}?;
	let cancelled = Plans::<World>::get(1).unwrap().cancelled.is_some();
	Ok(if cancelled { "Cancelled" } else { "Running" }.into())
}

#[test]
fn every_call_does_with_a_plan_what_the_table_says() {
	try_every_cell("Plans", set_up_plan, call_on_plan);
}
