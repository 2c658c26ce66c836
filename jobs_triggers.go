package databricks

// A PauseStatus says whether something that starts runs does so.
type PauseStatus string

// Whether runs are started. Unpaused is the default, and is told where nothing was said.
const (
	Paused   PauseStatus = "PAUSED"
	Unpaused PauseStatus = "UNPAUSED"
)

// A TaskRetryMode says whether the tasks of a continuous job are retried.
type TaskRetryMode string

// Retries of a continuous job.
const (
	TaskRetryNever     TaskRetryMode = "NEVER"      // the default: the whole run is made again
	TaskRetryOnFailure TaskRetryMode = "ON_FAILURE" // while another task is in its first attempt
)

// A SQLConditionTriggerMode says how a SQL condition reads its query's result.
type SQLConditionTriggerMode string

// Readings of a result.
const (
	SQLConditionQueryReturnsRows   SQLConditionTriggerMode = "QUERY_RETURNS_ROWS"   // met if there is a row; the default
	SQLConditionResultValueChanges SQLConditionTriggerMode = "RESULT_VALUE_CHANGES" // met if the value is not that of the time before; met the first time
)

// A ModelTriggerCondition is an event of a model.
type ModelTriggerCondition string

// Events of models.
const (
	ModelCreated      ModelTriggerCondition = "MODEL_CREATED"
	ModelVersionReady ModelTriggerCondition = "MODEL_VERSION_READY"
	ModelAliasSet     ModelTriggerCondition = "MODEL_ALIAS_SET"
)

// A PeriodicUnit is the unit of a periodic trigger.
type PeriodicUnit string

// Units of an interval.
const (
	PeriodicMinutes PeriodicUnit = "MINUTES"
	PeriodicHours   PeriodicUnit = "HOURS"
	PeriodicDays    PeriodicUnit = "DAYS"
	PeriodicWeeks   PeriodicUnit = "WEEKS"
)

// A TableUpdateCondition says how many of several tables must have changed.
type TableUpdateCondition string

// Conditions on tables.
const (
	AnyTableUpdated  TableUpdateCondition = "ANY_UPDATED"
	AllTablesUpdated TableUpdateCondition = "ALL_UPDATED"
)

// A CronSchedule starts runs at certain times.
type CronSchedule struct {
	QuartzCronExpression string        `json:"quartz_cron_expression"` // 6 or 7 fields, seconds first: "0 30 6 * * ?"
	TimezoneID           string        `json:"timezone_id"`            // the time zone of the expression, such as "Europe/Berlin"; required
	PauseStatus          PauseStatus   `json:"pause_status,omitzero"`  // empty: Unpaused
	SQLCondition         *SQLCondition `json:"sql_condition,omitzero"` // asked each time; nil: always met
}

// Continuous keeps one run of a job going: the next begins when one ends.
type Continuous struct {
	PauseStatus   PauseStatus   `json:"pause_status,omitzero"`    // empty: Unpaused
	TaskRetryMode TaskRetryMode `json:"task_retry_mode,omitzero"` // empty: TaskRetryNever
}

// TriggerSettings start runs when something happens: exactly one of
// FileArrival, TableUpdate, Periodic and Model.
type TriggerSettings struct {
	FileArrival  *FileArrivalTrigger `json:"file_arrival,omitzero"`
	TableUpdate  *TableUpdateTrigger `json:"table_update,omitzero"`
	Periodic     *PeriodicTrigger    `json:"periodic,omitzero"`
	Model        *ModelTrigger       `json:"model,omitzero"`
	SQLCondition *SQLCondition       `json:"sql_condition,omitzero"` // asked each time; nil: always met
	PauseStatus  PauseStatus         `json:"pause_status,omitzero"`  // empty: Unpaused
}

// A JobTrigger is one of several that a job has: exactly one of Schedule,
// Continuous, FileArrival, TableUpdate, Periodic and Model.
type JobTrigger struct {
	Schedule     *CronSchedule       `json:"schedule,omitzero"`   // without a PauseStatus or SQLCondition of its own
	Continuous   *Continuous         `json:"continuous,omitzero"` // without a PauseStatus of its own
	FileArrival  *FileArrivalTrigger `json:"file_arrival,omitzero"`
	TableUpdate  *TableUpdateTrigger `json:"table_update,omitzero"`
	Periodic     *PeriodicTrigger    `json:"periodic,omitzero"`
	Model        *ModelTrigger       `json:"model,omitzero"`
	SQLCondition *SQLCondition       `json:"sql_condition,omitzero"` // asked each time; nil: always met
	PauseStatus  PauseStatus         `json:"pause_status,omitzero"`  // empty: Unpaused
}

// A FileArrivalTrigger starts a run when files arrive.
type FileArrivalTrigger struct {
	URL                           string `json:"url"`                                        // an external location, or a path in it
	MinTimeBetweenTriggersSeconds int    `json:"min_time_between_triggers_seconds,omitzero"` // at least 60
	WaitAfterLastChangeSeconds    int    `json:"wait_after_last_change_seconds,omitzero"`    // until no more file comes; at least 60
}

// A TableUpdateTrigger starts a run when tables change.
type TableUpdateTrigger struct {
	TableNames                    []string             `json:"table_names"` // catalog.schema.table
	Condition                     TableUpdateCondition `json:"condition,omitzero"`
	MinTimeBetweenTriggersSeconds int                  `json:"min_time_between_triggers_seconds,omitzero"` // at least 60
	WaitAfterLastChangeSeconds    int                  `json:"wait_after_last_change_seconds,omitzero"`    // at least 60
}

// A PeriodicTrigger starts a run at each end of an interval.
type PeriodicTrigger struct {
	Interval int          `json:"interval"`
	Unit     PeriodicUnit `json:"unit"`
}

// A ModelTrigger starts a run when a model changes.
type ModelTrigger struct {
	Condition                     ModelTriggerCondition `json:"condition"`
	SecurableName                 string                `json:"securable_name,omitzero"`                    // a model or schema; empty: the metastore
	Aliases                       []string              `json:"aliases,omitzero"`                           // for ModelAliasSet
	MinTimeBetweenTriggersSeconds int                   `json:"min_time_between_triggers_seconds,omitzero"` // at least 60
	WaitAfterLastChangeSeconds    int                   `json:"wait_after_last_change_seconds,omitzero"`    // at least 60
}

// A SQLCondition lets a trigger start a run only if a query says so.
type SQLCondition struct {
	SQLQueryID  string                  `json:"sql_query_id"`
	WarehouseID string                  `json:"warehouse_id"` // where the query runs
	TriggerMode SQLConditionTriggerMode `json:"trigger_mode,omitzero"`
}

// A TriggerState is what the trigger of a job has come to.
type TriggerState struct {
	PauseStatus  PauseStatus        `json:"pause_status,omitzero"` // in effect, which may not be the one that was set
	FileArrival  *FileArrivalState  `json:"file_arrival,omitzero"`
	Table        *TableTriggerState `json:"table,omitzero"`
	SQLCondition *SQLConditionState `json:"sql_condition,omitzero"`
}

// TriggerDetails tell about one of a job's several triggers.
type TriggerDetails struct {
	State   *JobTriggerState `json:"state,omitzero"`   // if asked for
	History *TriggerHistory  `json:"history,omitzero"` // if asked for
}

// A JobTriggerState is what one of several triggers has come to. The field of
// the trigger's own kind is set.
type JobTriggerState struct {
	PauseStatus  PauseStatus             `json:"pause_status,omitzero"` // as it was set
	Schedule     *struct{}               `json:"schedule,omitzero"`     // tells nothing yet
	Continuous   *ContinuousTriggerState `json:"continuous,omitzero"`
	FileArrival  *FileArrivalState       `json:"file_arrival,omitzero"`
	TableUpdate  *TableTriggerState      `json:"table_update,omitzero"`
	Periodic     *PeriodicTriggerState   `json:"periodic,omitzero"`
	Model        *struct{}               `json:"model,omitzero"` // tells nothing yet
	SQLCondition *SQLConditionState      `json:"sql_condition,omitzero"`
}

// A ContinuousTriggerState says how a continuous job fares.
type ContinuousTriggerState struct {
	ConsecutiveFailures int    `json:"consecutive_failures,omitzero"`
	IsBackingOff        bool   `json:"is_backing_off,omitzero"` // until the next attempt
	NextAttemptMs       Millis `json:"next_attempt_ms,omitzero"`
}

// A FileArrivalState says how files are noticed.
type FileArrivalState struct {
	UsingFileEvents bool `json:"using_file_events,omitzero"`
}

// A TableTriggerState says what was seen of the tables.
type TableTriggerState struct {
	LastSeenTableStates     []TableState `json:"last_seen_table_states,omitzero"`
	UsingScalableMonitoring bool         `json:"using_scalable_monitoring,omitzero"`
}

// A TableState says whether a table has changed since it last counted.
type TableState struct {
	TableName      string `json:"table_name,omitzero"` // catalog.schema.table
	HasSeenUpdates bool   `json:"has_seen_updates,omitzero"`
}

// A PeriodicTriggerState says when a periodic trigger is due.
type PeriodicTriggerState struct {
	NextRunTime Millis `json:"next_run_time,omitzero"`
}

// A SQLConditionState is the last answer of a SQL condition.
type SQLConditionState struct {
	LatestConditionEvaluationSatisfied      bool   `json:"latest_condition_evaluation_satisfied,omitzero"`
	LatestConditionEvaluationSQLSessionID   string `json:"latest_condition_evaluation_sql_session_id,omitzero"`
	LatestConditionEvaluationSQLStatementID string `json:"latest_condition_evaluation_sql_statement_id,omitzero"`
}

// A TriggerHistory holds the latest evaluation of each outcome.
type TriggerHistory struct {
	LastTriggered    *TriggerEvaluation `json:"last_triggered,omitzero"`
	LastNotTriggered *TriggerEvaluation `json:"last_not_triggered,omitzero"`
	LastFailed       *TriggerEvaluation `json:"last_failed,omitzero"`
}

// A TriggerEvaluation is one look at a trigger's condition.
type TriggerEvaluation struct {
	Timestamp   Millis `json:"timestamp,omitzero"`
	Description string `json:"description,omitzero"`
	RunID       int64  `json:"run_id,omitzero"` // of the run that was started, if one was
}
