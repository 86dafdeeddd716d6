package worker

// TaskError is an error of a task. Its text is that of the error.
type TaskError struct {
	// Task has the names of the task's operators, and which of its subtasks it was.
	Task string
	Err  error
}

func (e *TaskError) Error() string { return e.Err.Error() }
func (e *TaskError) Unwrap() error { return e.Err }

// ofTask is a task's error, if it is one.
func ofTask(task string, err error) error {
	if err == nil {
		return nil
	}
	return &TaskError{task, err}
}
