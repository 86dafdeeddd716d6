package worker

// TaskError says which task failed. Its text is that of the error.
type TaskError struct {
	// Task has the names of the task's operators, and which of its subtasks it was.
	Task string
	// UID is that of the task's first operator, Subtask the instance of the task, from 0.
	UID     string
	Subtask int
	Err     error
}

// Error implements error.
func (e *TaskError) Error() string { return e.Err.Error() }

// Unwrap returns what failed the task.
func (e *TaskError) Unwrap() error { return e.Err }

// taskError is the error of a task of the attempt, by its number.
func (a *Attempt) taskError(id int, err error) error {
	return &TaskError{a.tasks[id].Name, a.chains[id].Head().UID, a.subtaskOf(id), err}
}
