package databrickstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// jobSchema has the types of the settings that the service accepts for a job or
// a submitted run. Each type is followed by its fields. The type of a field is
// the name of a type or an enum, or one letter: s is a string, b a bool, i an
// integer, m a map of strings, and o an object that other code validates.
// Brackets denote a list.
const jobSchema = `
JobSettings existing_cluster_id:s new_cluster:o notebook_task:NotebookTask spark_jar_task:SparkJarTask spark_python_task:SparkPythonTask
	spark_submit_task:SparkSubmitTask name:s libraries:[o] email_notifications:Emails timeout_seconds:i max_retries:i min_retry_interval_millis:i
	retry_on_timeout:b schedule:CronSchedule max_concurrent_runs:i python_wheel_task:PythonWheelTask pipeline_task:PipelineTask dbt_task:DbtTask
	sql_task:SqlTask run_job_task:RunJobTask budget_policy_id:s continuous:Continuous deployment:JobDeployment description:s edit_mode:JobEditMode
	environments:[JobEnvironment] git_source:GitSource health:JobsHealthRules job_clusters:[JobCluster]
	notification_settings:JobNotificationSettings parameters:[JobParameterDefinition] parent_path:s performance_target:PerformanceTarget
	queue:QueueSettings run_as:JobRunAs tags:m tasks:[Task] trigger:TriggerSettings triggers:[TriggerConfiguration] usage_policy_id:s
	webhook_notifications:WebhookNotifications
NotebookTask notebook_path:s revision_timestamp:i base_parameters:m source:Source warehouse_id:s
SparkJarTask jar_uri:s main_class_name:s parameters:[s] run_as_repl:b
SparkPythonTask python_file:s parameters:[s] source:Source
SparkSubmitTask parameters:[s]
Emails on_start:[s] on_success:[s] on_failure:[s] no_alert_for_skipped_runs:b on_duration_warning_threshold_exceeded:[s]
	on_streaming_backlog_exceeded:[s]
CronSchedule quartz_cron_expression:s timezone_id:s pause_status:PauseStatus sql_condition:SqlConditionConfiguration
SqlConditionConfiguration sql_query_id:s trigger_mode:SqlConditionTriggerMode warehouse_id:s
PythonWheelTask entry_point:s named_parameters:m package_name:s parameters:[s]
PipelineTask full_refresh:b full_refresh_selection:[s] parameters:m pipeline_id:s refresh_flow_selection:[s] refresh_selection:[s]
	reset_checkpoint_selection:[s]
DbtTask catalog:s commands:[s] profiles_directory:s project_directory:s schema:s source:Source warehouse_id:s
SqlTask alert:SqlTaskAlert dashboard:SqlTaskDashboard file:SqlTaskFile parameters:m query:SqlTaskQuery warehouse_id:s
SqlTaskAlert alert_id:s pause_subscriptions:b subscriptions:[Subscriber]
Subscriber destination_id:s user_name:s
SqlTaskDashboard custom_subject:s dashboard_id:s pause_subscriptions:b subscriptions:[Subscriber]
SqlTaskFile path:s source:Source
SqlTaskQuery query_id:s
RunJobTask dbt_commands:[s] jar_params:[s] job_id:i job_parameters:m notebook_params:m pipeline_params:PipelineParams python_named_params:m
	python_params:[s] spark_submit_params:[s] sql_params:m
PipelineParams full_refresh:b full_refresh_selection:[s] refresh_flow_selection:[s] refresh_selection:[s] reset_checkpoint_selection:[s]
Continuous pause_status:PauseStatus task_retry_mode:TaskRetryMode
JobDeployment deployment_id:s kind:JobDeploymentKind metadata_file_path:s version_id:s
JobEnvironment environment_key:s spec:Environment
Environment base_environment:s client:s dependencies:[s] environment_version:s java_dependencies:[s]
GitSource git_branch:s git_commit:s git_provider:GitProvider git_tag:s git_url:s job_source:JobSource sparse_checkout:SparseCheckout
JobSource dirty_state:JobSourceDirtyState import_from_git_branch:s job_config_path:s
SparseCheckout patterns:[s]
JobsHealthRules rules:[JobsHealthRule]
JobsHealthRule metric:JobsHealthMetric op:JobsHealthOperator value:i
JobCluster job_cluster_key:s new_cluster:o serverless_compute_id:s
JobNotificationSettings no_alert_for_canceled_runs:b no_alert_for_skipped_runs:b
JobParameterDefinition default:s name:s
QueueSettings enabled:b
JobRunAs group_name:s service_principal_name:s user_name:s
Task ai_runtime_task:AiRuntimeTask alert_task:AlertTask clean_rooms_notebook_task:CleanRoomsNotebookTask compute:Compute
	condition_task:ConditionTask dashboard_task:DashboardTask dbt_cloud_task:DbtCloudTask dbt_platform_task:DbtPlatformTask dbt_task:DbtTask
	depends_on:[TaskDependency] description:s disable_auto_optimization:b disabled:b email_notifications:Emails environment_key:s
	existing_cluster_id:s for_each_task:ForEachTask gen_ai_compute_task:GenAiComputeTask health:JobsHealthRules job_cluster_key:s libraries:[o]
	max_retries:i min_retry_interval_millis:i new_cluster:o notebook_task:NotebookTask notification_settings:TaskNotificationSettings
	pipeline_task:PipelineTask power_bi_task:PowerBiTask python_operator_task:PythonOperatorTask python_wheel_task:PythonWheelTask
	retry_on_timeout:b run_if:RunIf run_job_task:RunJobTask spark_jar_task:SparkJarTask spark_python_task:SparkPythonTask
	spark_submit_task:SparkSubmitTask sql_task:SqlTask task_key:s timeout_seconds:i webhook_notifications:WebhookNotifications
AiRuntimeTask code_source_path:s deployments:[DeploymentSpec] docker_image_url:s experiment:s mlflow_artifact_location:s
	mlflow_experiment_directory:s mlflow_run:s
DeploymentSpec command_path:s compute:ComputeSpec name:s
ComputeSpec accelerator_count:i accelerator_type:ComputeSpecAcceleratorType
AlertTask alert_id:s subscribers:[Subscriber] warehouse_id:s workspace_path:s
CleanRoomsNotebookTask clean_room_name:s etag:s notebook_base_parameters:m notebook_name:s
Compute hardware_accelerator:HardwareAcceleratorType
ConditionTask left:s op:ConditionTaskOp right:s
DashboardTask dashboard_id:s filters:m subscription:Subscription warehouse_id:s
Subscription custom_subject:s paused:b subscribers:[Subscriber]
DbtCloudTask connection_resource_name:s dbt_cloud_job_id:i
DbtPlatformTask connection_resource_name:s dbt_platform_job_id:s
TaskDependency outcome:s task_key:s
ForEachTask concurrency:i inputs:s task:Task
GenAiComputeTask command:s compute:ComputeConfig dl_runtime_image:s mlflow_experiment_name:s source:Source training_script_path:s
	yaml_parameters:s yaml_parameters_file_path:s
ComputeConfig gpu_node_pool_id:s gpu_type:s num_gpus:i
TaskNotificationSettings alert_on_last_attempt:b no_alert_for_canceled_runs:b no_alert_for_skipped_runs:b
PowerBiTask connection_resource_name:s power_bi_model:PowerBiModel refresh_after_update:b tables:[PowerBiTable] warehouse_id:s
PowerBiModel authentication_method:AuthenticationMethod model_name:s overwrite_existing:b storage_mode:StorageMode workspace_name:s
PowerBiTable catalog:s name:s schema:s storage_mode:StorageMode
PythonOperatorTask main:s parameters:[PythonOperatorTaskParameter]
PythonOperatorTaskParameter name:s value:s
WebhookNotifications on_duration_warning_threshold_exceeded:[Webhook] on_failure:[Webhook] on_start:[Webhook]
	on_streaming_backlog_exceeded:[Webhook] on_success:[Webhook]
Webhook id:s
TriggerSettings file_arrival:FileArrivalTriggerConfiguration model:ModelTriggerConfiguration pause_status:PauseStatus
	periodic:PeriodicTriggerConfiguration sql_condition:SqlConditionConfiguration table_update:TableUpdateTriggerConfiguration
FileArrivalTriggerConfiguration min_time_between_triggers_seconds:i url:s wait_after_last_change_seconds:i
ModelTriggerConfiguration aliases:[s] condition:ModelTriggerConfigurationCondition min_time_between_triggers_seconds:i securable_name:s
	wait_after_last_change_seconds:i
PeriodicTriggerConfiguration interval:i unit:PeriodicTriggerConfigurationTimeUnit
TableUpdateTriggerConfiguration condition:Condition min_time_between_triggers_seconds:i table_names:[s] wait_after_last_change_seconds:i
TriggerConfiguration continuous:ContinuousTriggerConfiguration file_arrival:FileArrivalTriggerConfiguration model:ModelTriggerConfiguration
	pause_status:PauseStatus periodic:PeriodicTriggerConfiguration schedule:CronTriggerConfiguration sql_condition:SqlConditionConfiguration
	table_update:TableUpdateTriggerConfiguration
ContinuousTriggerConfiguration task_retry_mode:TaskRetryMode
CronTriggerConfiguration quartz_cron_expression:s timezone_id:s
SubmitRun existing_cluster_id:s new_cluster:o notebook_task:NotebookTask spark_jar_task:SparkJarTask spark_python_task:SparkPythonTask
	spark_submit_task:SparkSubmitTask run_name:s libraries:[o] timeout_seconds:i python_wheel_task:PythonWheelTask pipeline_task:PipelineTask
	dbt_task:DbtTask sql_task:SqlTask job_clusters:[JobCluster] access_control_list:[JobAccessControlRequest] budget_policy_id:s
	email_notifications:Emails environments:[JobEnvironment] git_source:GitSource health:JobsHealthRules
	notification_settings:JobNotificationSettings performance_target:PerformanceTarget queue:QueueSettings run_as:JobRunAs tasks:[Task]
	usage_policy_id:s webhook_notifications:WebhookNotifications
JobAccessControlRequest group_name:s permission_level:JobPermissionLevel service_principal_name:s user_name:s
`

// jobEnums has the enums of jobSchema.
const jobEnums = `
JobEditMode EDITABLE|UI_LOCKED
PerformanceTarget STANDARD|PERFORMANCE_OPTIMIZED
Source WORKSPACE|GIT
PauseStatus PAUSED|UNPAUSED
SqlConditionTriggerMode QUERY_RETURNS_ROWS|RESULT_VALUE_CHANGES
TaskRetryMode NEVER|ON_FAILURE
JobDeploymentKind BUNDLE|SYSTEM_MANAGED
GitProvider gitHub|gitHubEnterprise|gitLab|gitLabEnterpriseEdition|bitbucketCloud|bitbucketServer|azureDevOpsServices|awsCodeCommit
JobSourceDirtyState NOT_SYNCED|DISCONNECTED
JobsHealthMetric RUN_DURATION_SECONDS|STREAMING_BACKLOG_BYTES|STREAMING_BACKLOG_RECORDS|STREAMING_BACKLOG_SECONDS|STREAMING_BACKLOG_FILES
JobsHealthOperator GREATER_THAN
RunIf ALL_SUCCESS|ALL_DONE|AT_LEAST_ONE_SUCCESS|NONE_FAILED|AT_LEAST_ONE_FAILED|ALL_FAILED
ComputeSpecAcceleratorType GPU_1xA10|GPU_1xH100|GPU_8xH100
HardwareAcceleratorType GPU_1xA10|GPU_8xH100
ConditionTaskOp EQUAL_TO|NOT_EQUAL|GREATER_THAN|GREATER_THAN_OR_EQUAL|LESS_THAN|LESS_THAN_OR_EQUAL
AuthenticationMethod OAUTH|PAT
StorageMode DIRECT_QUERY|IMPORT|DUAL
ModelTriggerConfigurationCondition MODEL_CREATED|MODEL_VERSION_READY|MODEL_ALIAS_SET
PeriodicTriggerConfigurationTimeUnit MINUTES|HOURS|DAYS|WEEKS
Condition ANY_UPDATED|ALL_UPDATED
JobPermissionLevel IS_OWNER|CAN_MANAGE|CAN_MANAGE_RUN|CAN_VIEW
`

// A schema has the fields of each type and the values of each enum.
type schema struct {
	types map[string]map[string]string
	enums map[string][]string
}

var jobTypes = sync.OnceValue(func() schema {
	s := schema{types: map[string]map[string]string{}, enums: map[string][]string{}}
	fields := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(jobSchema)) {
		words := strings.Fields(line)
		if !strings.HasPrefix(line, "\t") {
			fields = map[string]string{}
			s.types[words[0]] = fields
			words = words[1:]
		}
		for _, word := range words {
			name, kind, _ := strings.Cut(word, ":")
			fields[name] = kind
		}
	}
	for line := range strings.Lines(strings.TrimSpace(jobEnums)) {
		words := strings.Fields(line)
		s.enums[words[0]] = strings.Split(words[1], "|")
	}
	return s
})

// conform returns value as the type kind. It converts values to the types of
// the schema, and removes unknown members and nulls. It fails if a value has
// the wrong type.
func (s schema) conform(value any, kind, name string) (any, error) {
	if inner, ok := strings.CutPrefix(kind, "["); ok {
		elements, ok := value.([]any)
		if !ok {
			return nil, malformed("Expected 'START_ARRAY' not '%s' for field '%s'", tokenName(value), name)
		}
		out := make([]any, 0, len(elements))
		for _, element := range elements {
			element, err := s.conform(element, strings.TrimSuffix(inner, "]"), name)
			if err != nil {
				return nil, err
			}
			out = append(out, element)
		}
		return out, nil
	}
	if values, ok := s.enums[kind]; ok {
		text, err := scalar[string](value, name)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(values, func(v string) bool { return v == text || kind == "GitProvider" && strings.EqualFold(v, text) })
		if at < 0 && kind == "GitProvider" {
			return nil, badGitProvider(text)
		}
		if at < 0 {
			return nil, malformed("Could not parse value '%s' of field '%s'; it must be one of %s", shortened(text), name, strings.Join(values, ", "))
		}
		return values[at], nil
	}
	switch kind {
	case "s":
		return scalar[string](value, name)
	case "b":
		return scalar[bool](value, name)
	case "i":
		n, err := scalar[int64](value, name)
		return json.Number(strconv.FormatInt(n, 10)), err
	case "m":
		m, err := scalar[map[string]string](value, name)
		out := make(map[string]any, len(m))
		for key, text := range m {
			out[key] = text
		}
		return out, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("Expected object for field '%s' not '%s'", name, tokenName(value))
	}
	if kind == "o" {
		return object, nil
	}
	return s.object(object, kind)
}

// object conforms the members of an object to a type. If a task has several
// kinds or clusters, it removes the empty ones.
func (s schema) object(object map[string]any, kind string) (map[string]any, error) {
	fields, ok := s.types[kind]
	if !ok {
		panic(fmt.Sprintf("databrickstest: no type %q", kind))
	}
	out := map[string]any{}
	for name, value := range object {
		kind, known := fields[name]
		if !known || value == nil {
			continue
		}
		value, err := s.conform(value, kind, name)
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	for _, alternatives := range [][]string{taskKinds, {"new_cluster", "existing_cluster_id", "job_cluster_key"}} {
		if slices.ContainsFunc(alternatives, func(name string) bool { return !blank(out[name]) }) {
			maps.DeleteFunc(out, func(name string, value any) bool { return slices.Contains(alternatives, name) && blank(value) })
		}
	}
	return out, nil
}

func scalar[T any](value any, name string) (T, error) {
	var v T
	err := decodeValue(reflect.ValueOf(&v).Elem(), value, name)
	return v, err
}
