package databrickstest

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var validKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// check validates settings as the service does. It returns the settings that
// have an effect.
func (a *jobsArea) check(c *call, settings map[string]any, kind string) (jobView, error) {
	var view jobView
	if err := decode(settings, &view); err != nil {
		return view, err
	}
	tasks, _ := settings["tasks"].([]any)
	if c.version != "2.0" && len(tasks) > 0 { // then the service ignores them
		for _, field := range slices.Concat(taskFields, taskKinds) {
			delete(settings, field)
		}
		view.taskView = taskView{Timeout: view.Timeout}
	}
	switch {
	case len(view.Name) > 4096 || len(view.RunName) > 4096:
		return view, invalid("The name must be at most 4096 bytes long.")
	case len([]rune(view.Descripton)) > 27700:
		return view, invalid("The description must be at most 27700 characters long.")
	case len(view.Tags) > 25:
		return view, invalid("A job can have at most 25 tags.")
	case len(tasks) > 1000:
		return view, invalid("A job can have at most 1000 tasks.")
	case len(tasks) > 100 && c.version != "2.2":
		return view, invalid("Resources with more than 100 tasks can only be handled by API 2.2 and above. Please use API 2.2 or a later version.")
	case len(view.Clusters) > 100:
		return view, invalid("A job can have at most 100 job clusters.")
	case len(view.Clusters) > 0 && len(tasks) == 0:
		return view, invalid("Shared job cluster feature is only supported in multi-task jobs.")
	case view.MaxConcurrent != nil && (*view.MaxConcurrent < 0 || *view.MaxConcurrent > 1000):
		return view, invalid("Invalid max_concurrent_runs %d - it has to be between 0 and 1000.", *view.MaxConcurrent)
	case view.Schedule != nil && view.Continuous != nil:
		return view, invalid("A job cannot have both schedule and continuous.")
	case len(view.Triggers) > 0 && (view.Schedule != nil || view.Trigger != nil || view.Continuous != nil):
		return view, invalid("A job cannot have triggers together with schedule, trigger or continuous.")
	case len(tasks) > 0 && (kindOf(settings) != "" || view.Existing != "" || view.New != nil):
		return view, invalid("A job has either tasks or a task of its own, not both.")
	}
	if err := checkTags(view.Tags); err != nil {
		return view, err
	}
	for _, check := range []func(*call, jobView) error{checkSchedule, checkGit, checkPeople, checkEnvironment} {
		if err := check(c, view); err != nil {
			return view, err
		}
	}
	if err := decodeTasks(tasks, &view); err != nil {
		return view, err
	}
	if len(tasks) == 0 {
		bare := kindOf(settings) == "" && view.Existing == "" && view.New == nil
		if bare && kind == "JobSettings" && c.version != "2.0" { // its tasks may be added later
			return view, nil
		}
		return view, a.checkTask(c, settings, view.taskView, view, true)
	}
	return view, a.checkTasks(c, tasks, view)
}

func decodeTasks(tasks []any, view *jobView) error {
	view.Tasks = make([]taskView, len(tasks))
	for i, task := range tasks {
		if err := decode(task.(map[string]any), &view.Tasks[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkSchedule(_ *call, view jobView) error {
	if view.Schedule == nil {
		return nil
	}
	if view.Schedule.Cron == "" {
		return missingField("quartz_cron_expression")
	}
	if _, err := timezone(view.Schedule.Zone); err != nil {
		return invalid("Invalid timezone_id: %q.", view.Schedule.Zone)
	}
	if _, err := parseCron(view.Schedule.Cron, view.Schedule.Zone); err != nil {
		return invalid("Invalid quartz_cron_expression: %q. %v", view.Schedule.Cron, err)
	}
	return nil
}

func checkGit(_ *call, view jobView) error {
	git := view.Git
	switch {
	case git == nil:
		return nil
	case git.Provider == "":
		return badGitProvider("")
	case git.URL == "":
		return missingField("git_url")
	case exactlyOne(git.Branch, git.Tag, git.Commit):
		return nil
	}
	return invalid("Exactly one of git_branch, git_tag and git_commit must be specified in git_source.")
}

func badGitProvider(text string) error {
	return invalid("Invalid git_source.git_provider: '%s'. It must be one of %s.", shortened(text), strings.Join(jobTypes().enums["GitProvider"], ", "))
}

func exactlyOne(texts ...string) bool {
	return len(slices.DeleteFunc(texts, func(s string) bool { return s == "" })) == 1
}

func checkPeople(_ *call, view jobView) error {
	if as := view.RunAs; as != nil && !exactlyOne(as.User, as.Group, as.Principal) {
		return invalid("Exactly one of user_name, service_principal_name and group_name must be specified in run_as.")
	}
	if view.Mails != nil {
		for _, address := range slices.Concat(view.Mails.OnStart, view.Mails.OnSuccess, view.Mails.OnFailure) {
			if !ascii(address) {
				return invalid("Email addresses must consist of ASCII characters only.")
			}
		}
	}
	return nil
}

func checkEnvironment(_ *call, view jobView) error {
	specs := []map[string]any{view.New}
	for _, cluster := range view.Clusters {
		specs = append(specs, cluster.New)
	}
	for _, spec := range specs {
		variables, _ := spec["spark_env_vars"].(map[string]any)
		for name, value := range variables {
			if text, _ := value.(string); !ascii(name) || !ascii(text) {
				return invalid("Environment variables must consist of ASCII characters only.")
			}
		}
	}
	return nil
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 127 })
}

func checkACL(acl []jobACL) error {
	for _, e := range acl {
		switch {
		case !exactlyOne(e.User, e.Group, e.Principal):
			return invalid("Exactly one of user_name, group_name and service_principal_name must be specified in access_control_list.")
		case !slices.Contains(jobLevels, e.Level):
			return invalid("Invalid permission level: %q.", e.Level)
		case e.Level == "IS_OWNER" && e.Group != "":
			return invalid("Groups cannot be owner of a job.")
		}
	}
	return nil
}

// checkTasks validates the tasks of a list and their relations.
func (a *jobsArea) checkTasks(c *call, tasks []any, view jobView) error {
	keys, clusters, environments := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, cluster := range view.Clusters {
		if !validKey.MatchString(cluster.Key) || clusters[cluster.Key] {
			return invalid("Invalid or repeated job_cluster_key: %q.", cluster.Key)
		}
		clusters[cluster.Key] = true
		if err := checkCluster(c, cluster.New); err != nil {
			return err
		}
	}
	for _, environment := range view.Environments {
		environments[environment.Key] = true
	}
	for _, task := range view.Tasks {
		switch {
		case task.Key == "":
			return missingField("task_key")
		case !validKey.MatchString(task.Key):
			return invalid("Invalid task_key: %q. It must consist of 1 to 100 letters, digits, hyphens and underscores.", task.Key)
		case keys[task.Key]:
			return invalid("Duplicate task_key: %q.", task.Key)
		case task.ClusterKey != "" && !clusters[task.ClusterKey]:
			return invalid("Job cluster '%s' is not defined in field 'job_clusters'.", task.ClusterKey)
		case task.EnvKey != "" && !environments[task.EnvKey]:
			return invalid("Environment '%s' is not defined in field 'environments'.", task.EnvKey)
		}
		keys[task.Key] = true
	}
	for i, task := range view.Tasks {
		for _, before := range task.DependsOn {
			if !keys[before.Key] {
				return invalid("Task '%s' depends on unknown task '%s'.", task.Key, before.Key)
			}
		}
		if err := a.checkTask(c, tasks[i].(map[string]any), task, view, false); err != nil {
			return err
		}
	}
	if circular(view.Tasks) {
		return invalid("The dependencies of the tasks form a cycle.")
	}
	return nil
}

// circular reports whether the dependencies of the tasks have a cycle.
func circular(tasks []taskView) bool {
	open := map[string]int{}
	for _, task := range tasks {
		open[task.Key] = len(task.DependsOn)
	}
	for range tasks { // each round removes tasks without open dependencies
		for _, task := range tasks {
			if open[task.Key] != 0 {
				continue
			}
			open[task.Key] = -1
			for _, other := range tasks {
				for _, before := range other.DependsOn {
					if before.Key == task.Key {
						open[other.Key]--
					}
				}
			}
		}
	}
	return slices.ContainsFunc(tasks, func(t taskView) bool { return open[t.Key] > 0 })
}

// checkTask validates a task of a list, or the task of a single-task job.
func (a *jobsArea) checkTask(c *call, tree map[string]any, task taskView, view jobView, single bool) error {
	var kinds []string
	for _, kind := range taskKinds {
		if tree[kind] != nil {
			kinds = append(kinds, kind)
		}
	}
	clusters := 0
	for _, set := range []bool{task.Existing != "", task.New != nil, task.ClusterKey != ""} {
		if set {
			clusters++
		}
	}
	const noCluster = "One of job_cluster_key, new_cluster, or existing_cluster_id must be specified."
	switch {
	case len(kinds) == 0 && clusters == 0 && c.version != "2.0":
		return invalid(noCluster)
	case len(kinds) > 1:
		return invalid("Only one of %s can be specified.", strings.Join(kinds, " and "))
	case clusters > 1:
		return invalid("Only one of job_cluster_key, new_cluster and existing_cluster_id can be specified.")
	case len(kinds) == 0:
		return invalid("One of the task fields must be specified, such as notebook_task or spark_jar_task.")
	case task.Retries < -1:
		return invalid("Invalid max_retries %d.", task.Retries)
	case task.Timeout < 0:
		return invalid("Invalid timeout_seconds %d.", task.Timeout)
	}
	needs := slices.Contains([]string{"spark_jar_task", "spark_submit_task"}, kinds[0]) ||
		slices.Contains([]string{"spark_python_task", "python_wheel_task"}, kinds[0]) && task.EnvKey == "" ||
		single && kinds[0] == "notebook_task"
	if needs && clusters == 0 {
		if single && c.version == "2.0" {
			return invalid("Either new_cluster or existing_cluster_id must be specified.")
		}
		return invalid(noCluster)
	}
	if task.Existing != "" {
		if _, err := c.clusters.reach(c, task.Existing, "CAN_ATTACH_TO"); err != nil {
			return err
		}
	}
	if task.New != nil {
		if err := checkCluster(c, task.New); err != nil {
			return err
		}
	}
	for _, l := range task.Libraries {
		if err := l.check(); err != nil {
			return err
		}
	}
	switch {
	case task.Notebook != nil:
		if task.Notebook.Path == "" {
			return missingField("notebook_path")
		}
		git := task.Notebook.Source == "GIT" || task.Notebook.Source == "" && view.Git != nil
		if !git && !strings.HasPrefix(task.Notebook.Path, "/") {
			return invalid("Invalid notebook_path: %s. Only absolute paths are currently supported. Paths must begin with '/'.", task.Notebook.Path)
		}
	case task.Python != nil && task.Python.File == "":
		return missingField("python_file")
	case task.Wheel != nil && (task.Wheel.Package == "" || task.Wheel.Entry == ""):
		return missingField(cmp.Or(map[bool]string{true: "package_name"}[task.Wheel.Package == ""], "entry_point"))
	case task.RunJob != nil && a.byID[task.RunJob.Job] == nil:
		return invalid("Job %d does not exist.", task.RunJob.Job)
	case task.Submit != nil:
		return checkSubmit(task)
	case task.ForEach != nil:
		return a.checkForEach(c, task, view)
	}
	return nil
}

// checkForEach validates the nested task of a for-each task.
func (a *jobsArea) checkForEach(c *call, task taskView, view jobView) error {
	each := task.ForEach
	var inner taskView
	if err := decode(each.Task, &inner); err != nil {
		return err
	}
	switch {
	case each.Inputs == "":
		return missingField("inputs")
	case each.Task == nil:
		return missingField("task")
	case each.Concurrency < 0 || each.Concurrency > 100:
		return invalid("Invalid concurrency %d of task '%s' - it has to be between 1 and 100.", each.Concurrency, task.Key)
	case !validKey.MatchString(inner.Key):
		return invalid("Invalid task_key: %q. It must consist of 1 to 100 letters, digits, hyphens and underscores.", inner.Key)
	case inner.ForEach != nil:
		return invalid("For each tasks cannot be nested: '%s'.", task.Key)
	}
	return a.checkTask(c, each.Task, inner, view, false)
}

func checkSubmit(task taskView) error {
	switch {
	case task.New == nil:
		return invalid("spark_submit_task can only be run on new clusters.")
	case len(task.Libraries) > 0:
		return invalid("Libraries are not supported with spark_submit_task; use --jars and --py-files.")
	case task.New["spark_conf"] != nil:
		return invalid("spark_conf is not supported with spark_submit_task; use --conf.")
	}
	for _, param := range task.Submit.Params {
		name, _, _ := strings.Cut(param, "=")
		if slices.Contains([]string{"--master", "--deploy-mode", "--executor-cores"}, name) {
			return invalid("Parameter %s is set by the service.", name)
		}
	}
	return nil
}

// jsonSize returns the length of a value as JSON.
func jsonSize(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		return 0
	}
	return len(text)
}
