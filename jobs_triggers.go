package databricks

// A PauseStatus says whether a schedule or another trigger is paused.
type PauseStatus string

// States of a trigger. Unpaused is the default. The service returns it if no
// status was set.
const (
	Paused   PauseStatus = "PAUSED"
	Unpaused PauseStatus = "UNPAUSED"
)

// A TaskRetryMode says whether the tasks of a continuous job are retried.
type TaskRetryMode string

// Retry modes of a continuous job.
const (
	TaskRetryNever     TaskRetryMode = "NEVER"      // the default: the service starts a new run instead
	TaskRetryOnFailure TaskRetryMode = "ON_FAILURE" // retry a failed task while other tasks are in their first attempt
)

// A SQLConditionTriggerMode says when the result of a query meets a SQL
// condition.
type SQLConditionTriggerMode string

// Modes of SQL conditions.
const (
	SQLConditionQueryReturnsRows   SQLConditionTriggerMode = "QUERY_RETURNS_ROWS"   // the query returns at least one row; the default
	SQLConditionResultValueChanges SQLConditionTriggerMode = "RESULT_VALUE_CHANGES" // the value differs from the previous one; always met the first time
)

// A ModelTriggerCondition is a model event that starts a run.
type ModelTriggerCondition string

// Model events.
const (
	ModelCreated      ModelTriggerCondition = "MODEL_CREATED"
	ModelVersionReady ModelTriggerCondition = "MODEL_VERSION_READY"
	ModelAliasSet     ModelTriggerCondition = "MODEL_ALIAS_SET"
)

// A PeriodicUnit is the unit of the interval of a periodic trigger.
type PeriodicUnit string

// Units of intervals.
const (
	PeriodicMinutes PeriodicUnit = "MINUTES"
	PeriodicHours   PeriodicUnit = "HOURS"
	PeriodicDays    PeriodicUnit = "DAYS"
	PeriodicWeeks   PeriodicUnit = "WEEKS"
)

// A TableUpdateCondition says whether one or all of several tables must be
// updated to start a run.
type TableUpdateCondition string

// Conditions on table updates.
const (
	AnyTableUpdated  TableUpdateCondition = "ANY_UPDATED"
	AllTablesUpdated TableUpdateCondition = "ALL_UPDATED"
)

// A CronSchedule starts runs at the times of a cron expression.
type CronSchedule struct {
	QuartzCronExpression string        `json:"quartz_cron_expression"` // Quartz syntax: 6 or 7 fields, seconds first, such as "0 30 6 * * ?"
	TimezoneID           string        `json:"timezone_id"`            // required; the time zone of the expression, such as "Europe/Berlin"
	PauseStatus          PauseStatus   `json:"pause_status,omitzero"`  // empty for Unpaused
	SQLCondition         *SQLCondition `json:"sql_condition,omitzero"` // checked each time; nil for no condition
}

// Continuous settings keep one run of a job active. The service starts the next
// run when one ends.
type Continuous struct {
	PauseStatus   PauseStatus   `json:"pause_status,omitzero"`    // empty for Unpaused
	TaskRetryMode TaskRetryMode `json:"task_retry_mode,omitzero"` // empty for TaskRetryNever
}

// TriggerSettings start runs on an event or at an interval. Set exactly one of
// FileArrival, TableUpdate, Periodic and Model.
type TriggerSettings struct {
	FileArrival  *FileArrivalTrigger `json:"file_arrival,omitzero"`
	TableUpdate  *TableUpdateTrigger `json:"table_update,omitzero"`
	Periodic     *PeriodicTrigger    `json:"periodic,omitzero"`
	Model        *ModelTrigger       `json:"model,omitzero"`
	SQLCondition *SQLCondition       `json:"sql_condition,omitzero"` // checked each time; nil for no condition
	PauseStatus  PauseStatus         `json:"pause_status,omitzero"`  // empty for Unpaused
}

// A JobTrigger is one of several triggers of a job. Set exactly one of
// Schedule, Continuous, FileArrival, TableUpdate, Periodic and Model.
type JobTrigger struct {
	Schedule     *CronSchedule       `json:"schedule,omitzero"`   // leave its PauseStatus and SQLCondition unset
	Continuous   *Continuous         `json:"continuous,omitzero"` // leave its PauseStatus unset
	FileArrival  *FileArrivalTrigger `json:"file_arrival,omitzero"`
	TableUpdate  *TableUpdateTrigger `json:"table_update,omitzero"`
	Periodic     *PeriodicTrigger    `json:"periodic,omitzero"`
	Model        *ModelTrigger       `json:"model,omitzero"`
	SQLCondition *SQLCondition       `json:"sql_condition,omitzero"` // checked each time; nil for no condition
	PauseStatus  PauseStatus         `json:"pause_status,omitzero"`  // empty for Unpaused
}

// A FileArrivalTrigger starts a run when new files arrive in a location.
type FileArrivalTrigger struct {
	URL                           string `json:"url"`                                        // an external location, or a path within one
	MinTimeBetweenTriggersSeconds int    `json:"min_time_between_triggers_seconds,omitzero"` // at least 60
	WaitAfterLastChangeSeconds    int    `json:"wait_after_last_change_seconds,omitzero"`    // required time without new files before the run starts; at least 60
}

// A TableUpdateTrigger starts a run when tables change.
type TableUpdateTrigger struct {
	TableNames                    []string             `json:"table_names"` // each as catalog.schema.table
	Condition                     TableUpdateCondition `json:"condition,omitzero"`
	MinTimeBetweenTriggersSeconds int                  `json:"min_time_between_triggers_seconds,omitzero"` // at least 60
	WaitAfterLastChangeSeconds    int                  `json:"wait_after_last_change_seconds,omitzero"`    // required time without updates before the run starts; at least 60
}

// A PeriodicTrigger starts a run at a fixed interval.
type PeriodicTrigger struct {
	Interval int          `json:"interval"`
	Unit     PeriodicUnit `json:"unit"`
}

// A ModelTrigger starts a run on a model event.
type ModelTrigger struct {
	Condition                     ModelTriggerCondition `json:"condition"`
	SecurableName                 string                `json:"securable_name,omitzero"`                    // a model or schema; empty for the whole metastore
	Aliases                       []string              `json:"aliases,omitzero"`                           // for ModelAliasSet
	MinTimeBetweenTriggersSeconds int                   `json:"min_time_between_triggers_seconds,omitzero"` // at least 60
	WaitAfterLastChangeSeconds    int                   `json:"wait_after_last_change_seconds,omitzero"`    // required time without changes before the run starts; at least 60
}

// A SQLCondition is a query that decides whether a trigger starts a run.
type SQLCondition struct {
	SQLQueryID  string                  `json:"sql_query_id"`
	WarehouseID string                  `json:"warehouse_id"` // the SQL warehouse that runs the query
	TriggerMode SQLConditionTriggerMode `json:"trigger_mode,omitzero"`
}

// A TriggerState is the current state of a job's trigger.
type TriggerState struct {
	PauseStatus  PauseStatus        `json:"pause_status,omitzero"` // the status in effect, which can differ from the one that was set
	FileArrival  *FileArrivalState  `json:"file_arrival,omitzero"`
	Table        *TableTriggerState `json:"table,omitzero"`
	SQLCondition *SQLConditionState `json:"sql_condition,omitzero"`
}

// TriggerDetails are the state and history of one of several triggers of a job.
type TriggerDetails struct {
	State   *JobTriggerState `json:"state,omitzero"`   // nil if not requested
	History *TriggerHistory  `json:"history,omitzero"` // nil if not requested
}

// A JobTriggerState is the current state of one of several triggers. The field
// for the trigger's kind is set.
type JobTriggerState struct {
	PauseStatus  PauseStatus             `json:"pause_status,omitzero"` // as it was set
	Schedule     *struct{}               `json:"schedule,omitzero"`     // has no fields yet
	Continuous   *ContinuousTriggerState `json:"continuous,omitzero"`
	FileArrival  *FileArrivalState       `json:"file_arrival,omitzero"`
	TableUpdate  *TableTriggerState      `json:"table_update,omitzero"`
	Periodic     *PeriodicTriggerState   `json:"periodic,omitzero"`
	Model        *struct{}               `json:"model,omitzero"` // has no fields yet
	SQLCondition *SQLConditionState      `json:"sql_condition,omitzero"`
}

// A ContinuousTriggerState is the state of a continuous job.
type ContinuousTriggerState struct {
	ConsecutiveFailures int    `json:"consecutive_failures,omitzero"`
	IsBackingOff        bool   `json:"is_backing_off,omitzero"` // waiting until the next attempt
	NextAttemptMs       Millis `json:"next_attempt_ms,omitzero"`
}

// A FileArrivalState says how the service detects new files.
type FileArrivalState struct {
	UsingFileEvents bool `json:"using_file_events,omitzero"`
}

// A TableTriggerState holds the state of the tables of a trigger.
type TableTriggerState struct {
	LastSeenTableStates     []TableState `json:"last_seen_table_states,omitzero"`
	UsingScalableMonitoring bool         `json:"using_scalable_monitoring,omitzero"`
}

// A TableState says whether the trigger has seen new updates of a table.
type TableState struct {
	TableName      string `json:"table_name,omitzero"` // catalog.schema.table
	HasSeenUpdates bool   `json:"has_seen_updates,omitzero"`
}

// A PeriodicTriggerState holds the next time of a periodic trigger.
type PeriodicTriggerState struct {
	NextRunTime Millis `json:"next_run_time,omitzero"`
}

// A SQLConditionState is the result of the latest evaluation of a SQL
// condition.
type SQLConditionState struct {
	LatestConditionEvaluationSatisfied      bool   `json:"latest_condition_evaluation_satisfied,omitzero"`
	LatestConditionEvaluationSQLSessionID   string `json:"latest_condition_evaluation_sql_session_id,omitzero"`
	LatestConditionEvaluationSQLStatementID string `json:"latest_condition_evaluation_sql_statement_id,omitzero"`
}

// A TriggerHistory holds the latest evaluation with each outcome.
type TriggerHistory struct {
	LastTriggered    *TriggerEvaluation `json:"last_triggered,omitzero"`
	LastNotTriggered *TriggerEvaluation `json:"last_not_triggered,omitzero"`
	LastFailed       *TriggerEvaluation `json:"last_failed,omitzero"`
}

// A TriggerEvaluation is one evaluation of a trigger.
type TriggerEvaluation struct {
	Timestamp   Millis `json:"timestamp,omitzero"`
	Description string `json:"description,omitzero"`
	RunID       int64  `json:"run_id,omitzero"` // the run that was started; 0 for none
}
