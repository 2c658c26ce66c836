package databrickstest

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A clusterSpec has the attributes of a cluster that a user sets. A spec in use
// never changes, so responses may share it.
type clusterSpec struct {
	NumWorkers                 *int                 `json:"num_workers,omitzero"`
	Autoscale                  *autoscale           `json:"autoscale,omitzero" api:"unused"`
	ClusterName                string               `json:"cluster_name,omitzero"`
	SparkVersion               string               `json:"spark_version,omitzero"`
	SparkConf                  map[string]string    `json:"spark_conf,omitzero"`
	NodeTypeID                 string               `json:"node_type_id,omitzero"`
	DriverNodeTypeID           string               `json:"driver_node_type_id,omitzero"`
	SSHPublicKeys              []string             `json:"ssh_public_keys,omitzero"`
	CustomTags                 map[string]string    `json:"custom_tags,omitzero"`
	ClusterLogConf             *storage             `json:"cluster_log_conf,omitzero" api:"unused"`
	InitScripts                []storage            `json:"init_scripts,omitzero"`
	DockerImage                *dockerImage         `json:"docker_image,omitzero"`
	SparkEnvVars               map[string]string    `json:"spark_env_vars,omitzero"`
	AutoterminationMinutes     *int                 `json:"autotermination_minutes,omitzero"`
	EnableElasticDisk          *bool                `json:"enable_elastic_disk,omitzero"`
	InstancePoolID             string               `json:"instance_pool_id,omitzero"`
	DriverInstancePoolID       string               `json:"driver_instance_pool_id,omitzero"`
	PolicyID                   string               `json:"policy_id,omitzero"`
	ApplyPolicyDefaultValues   *bool                `json:"apply_policy_default_values,omitzero"`
	AWSAttributes              *awsAttributes       `json:"aws_attributes,omitzero" api:"unused"`
	AzureAttributes            *azureAttributes     `json:"azure_attributes,omitzero" api:"unused"`
	GCPAttributes              *gcpAttributes       `json:"gcp_attributes,omitzero" api:"unused"`
	DataSecurityMode           string               `json:"data_security_mode,omitzero"`
	DependencyMode             string               `json:"dependency_mode,omitzero"`
	DriverNodeTypeFlexibility  *nodeTypeFlexibility `json:"driver_node_type_flexibility,omitzero"`
	WorkerNodeTypeFlexibility  *nodeTypeFlexibility `json:"worker_node_type_flexibility,omitzero"`
	EnableLocalDiskEncryption  *bool                `json:"enable_local_disk_encryption,omitzero"`
	IsSingleNode               *bool                `json:"is_single_node,omitzero"`
	Kind                       string               `json:"kind,omitzero"`
	RemoteDiskThroughput       int                  `json:"remote_disk_throughput,omitzero"`
	RuntimeEngine              string               `json:"runtime_engine,omitzero"`
	SingleUserName             string               `json:"single_user_name,omitzero"`
	TotalInitialRemoteDiskSize int                  `json:"total_initial_remote_disk_size,omitzero"`
	UseMLRuntime               *bool                `json:"use_ml_runtime,omitzero"`
	WorkloadType               *workloadType        `json:"workload_type,omitzero"`
	ClusterMountInfos          []mountInfo          `json:"cluster_mount_infos,omitzero"`
}

type autoscale struct {
	MinWorkers int `json:"min_workers"`
	MaxWorkers int `json:"max_workers"`
}

// A storage is the destination of logs or the source of a script. One member is
// set.
type storage struct {
	DBFS      *destination   `json:"dbfs,omitzero" api:"unused"`
	File      *destination   `json:"file,omitzero" api:"unused"`
	S3        *s3Destination `json:"s3,omitzero" api:"unused"`
	ABFSS     *destination   `json:"abfss,omitzero" api:"unused"`
	GCS       *destination   `json:"gcs,omitzero" api:"unused"`
	Volumes   *destination   `json:"volumes,omitzero" api:"unused"`
	Workspace *destination   `json:"workspace,omitzero" api:"unused"`
}

type destination struct {
	Destination string `json:"destination" api:"required"`
}

type s3Destination struct {
	Destination      string `json:"destination" api:"required"`
	Region           string `json:"region,omitzero"`
	Endpoint         string `json:"endpoint,omitzero"`
	EnableEncryption *bool  `json:"enable_encryption,omitzero"`
	EncryptionType   string `json:"encryption_type,omitzero"`
	KMSKey           string `json:"kms_key,omitzero"`
	CannedACL        string `json:"canned_acl,omitzero"`
}

type dockerImage struct {
	URL       string `json:"url,omitzero"`
	BasicAuth *struct {
		Username string `json:"username,omitzero"`
		Password string `json:"password,omitzero"`
	} `json:"basic_auth,omitzero"`
}

type awsAttributes struct {
	FirstOnDemand       *int   `json:"first_on_demand,omitzero"`
	Availability        string `json:"availability,omitzero"`
	ZoneID              string `json:"zone_id,omitzero"`
	InstanceProfileARN  string `json:"instance_profile_arn,omitzero"`
	SpotBidPricePercent int    `json:"spot_bid_price_percent,omitzero"`
	EBSVolumeType       string `json:"ebs_volume_type,omitzero"`
	EBSVolumeCount      int    `json:"ebs_volume_count,omitzero"`
	EBSVolumeSize       int    `json:"ebs_volume_size,omitzero"`
	EBSVolumeIOPS       int    `json:"ebs_volume_iops,omitzero"`
	EBSVolumeThroughput int    `json:"ebs_volume_throughput,omitzero"`
}

type azureAttributes struct {
	FirstOnDemand    *int     `json:"first_on_demand,omitzero"`
	Availability     string   `json:"availability,omitzero"`
	SpotBidMaxPrice  *float64 `json:"spot_bid_max_price,omitzero"`
	LogAnalyticsInfo *struct {
		LogAnalyticsWorkspaceID string `json:"log_analytics_workspace_id,omitzero"`
		LogAnalyticsPrimaryKey  string `json:"log_analytics_primary_key,omitzero"`
	} `json:"log_analytics_info,omitzero"`
	CapacityReservationGroup string `json:"capacity_reservation_group,omitzero"`
}

type gcpAttributes struct {
	Availability            string `json:"availability,omitzero"`
	BootDiskSize            int    `json:"boot_disk_size,omitzero"`
	ConfidentialComputeType string `json:"confidential_compute_type,omitzero"`
	FirstOnDemand           *int   `json:"first_on_demand,omitzero"`
	GoogleServiceAccount    string `json:"google_service_account,omitzero"`
	LocalSSDCount           *int   `json:"local_ssd_count,omitzero"`
	UsePreemptibleExecutors *bool  `json:"use_preemptible_executors,omitzero"`
	ZoneID                  string `json:"zone_id,omitzero"`
}

type nodeTypeFlexibility struct {
	AlternateNodeTypeIDs []string `json:"alternate_node_type_ids,omitzero"`
}

type workloadType struct {
	Clients *struct {
		Jobs      *bool `json:"jobs,omitzero"`
		Notebooks *bool `json:"notebooks,omitzero"`
	} `json:"clients,omitzero"`
}

type mountInfo struct {
	NetworkFilesystemInfo *struct {
		ServerAddress string `json:"server_address,omitzero"`
		MountOptions  string `json:"mount_options,omitzero"`
	} `json:"network_filesystem_info,omitzero"`
	RemoteMountDirPath string `json:"remote_mount_dir_path,omitzero"`
	LocalMountDirPath  string `json:"local_mount_dir_path,omitzero"`
}

// Limits of clusters.
const (
	maxWorkers          = 2000 // not documented, but there must be some limit
	maxSSHKeys          = 10
	maxCustomTags       = 45 // 43 in one table of the reference, 45 in all others
	minAutotermination  = 10
	maxAutotermination  = 10_000
	maxIdempotencyToken = 64
)

var (
	// Anything that looks like a runtime or a node type is accepted, so that
	// new ones work before this package knows them.
	sparkVersionForm = regexp.MustCompile(`^(custom:.+|(apache-spark-)?\d+\.\w+(\.\w+)*(-[\w.]+)*)$`)
	nodeTypeForm     = regexp.MustCompile(`^(Standard_\w+|[a-z]\w*(-\w+)*\.\w+|[a-z]\w*(-\w+)+)$`)
)

// check returns the error with which the service would reject the spec.
func (p *clusterSpec) check() error {
	if err := p.checkSize(); err != nil {
		return err
	}
	switch {
	case p.SparkVersion == "":
		return missingField("spark_version")
	case !sparkVersionForm.MatchString(p.SparkVersion):
		return invalid("Invalid spark version %s.", shortened(p.SparkVersion))
	case p.RuntimeEngine == "PHOTON" && strings.Contains(p.SparkVersion, "-photon-"):
		return invalid("runtime_engine cannot be specified together with spark_version %s.", p.SparkVersion)
	case p.InstancePoolID == "" && p.NodeTypeID == "":
		return missingField("node_type_id")
	case p.InstancePoolID != "" && (p.NodeTypeID != "" || p.DriverNodeTypeID != ""):
		return invalid("The field 'node_type_id' cannot be supplied when an instance pool ID is provided.")
	case p.InstancePoolID == "" && p.DriverInstancePoolID != "":
		return invalid("The field 'driver_instance_pool_id' needs the field 'instance_pool_id'.")
	case p.Kind == "" && (isTrue(p.IsSingleNode) || isTrue(p.UseMLRuntime)):
		return invalid("The fields 'is_single_node' and 'use_ml_runtime' need the field 'kind'.")
	case p.AutoterminationMinutes != nil && *p.AutoterminationMinutes != 0 &&
		(*p.AutoterminationMinutes < minAutotermination || *p.AutoterminationMinutes > maxAutotermination):
		return invalid("The field 'autotermination_minutes' must be 0 or between %d and %d.", minAutotermination, maxAutotermination)
	case len(p.SSHPublicKeys) > maxSSHKeys:
		return invalid("At most %d SSH public keys can be specified.", maxSSHKeys)
	}
	for _, id := range []string{p.NodeTypeID, p.DriverNodeTypeID} {
		if id != "" && !nodeTypeForm.MatchString(id) {
			return invalid("Node type %s is not supported.", shortened(id))
		}
	}
	clouds := 0
	for _, is := range []bool{p.AWSAttributes != nil, p.AzureAttributes != nil, p.GCPAttributes != nil} {
		if is {
			clouds++
		}
	}
	if clouds > 1 {
		return invalid("Only one of aws_attributes, azure_attributes and gcp_attributes can be specified.")
	}
	if a := p.AzureAttributes; a != nil {
		switch {
		case a.FirstOnDemand != nil && *a.FirstOnDemand < 1:
			return invalid("azure_attributes.first_on_demand must be at least 1.")
		case a.SpotBidMaxPrice != nil && *a.SpotBidMaxPrice != -1 && *a.SpotBidMaxPrice <= 0:
			return invalid("azure_attributes.spot_bid_max_price must be -1 or greater than 0.")
		}
	}
	if p.ClusterLogConf != nil {
		if err := p.ClusterLogConf.check("cluster_log_conf"); err != nil {
			return err
		}
	}
	for i := range p.InitScripts {
		if err := p.InitScripts[i].check("init_scripts"); err != nil {
			return err
		}
	}
	return checkTags(p.CustomTags)
}

func (p *clusterSpec) checkSize() error {
	single := p.Kind != "" && isTrue(p.IsSingleNode) // such a cluster needs no size
	switch {
	case p.NumWorkers == nil && p.Autoscale == nil && !single:
		return invalid("Missing required field: size")
	case p.NumWorkers != nil && *p.NumWorkers != 0 && p.Autoscale != nil:
		return invalid("Only one of num_workers and autoscale can be specified.")
	case p.NumWorkers != nil && (*p.NumWorkers < 0 || *p.NumWorkers > maxWorkers):
		return invalid("num_workers must be between 0 and %d.", maxWorkers)
	case p.Autoscale != nil && (p.Autoscale.MinWorkers < 0 || p.Autoscale.MaxWorkers > maxWorkers):
		return invalid("min_workers and max_workers must be between 0 and %d.", maxWorkers)
	case p.Autoscale != nil && p.Autoscale.MaxWorkers < p.Autoscale.MinWorkers:
		return invalid("max_workers must not be less than min_workers.")
	}
	return nil
}

func (s *storage) check(name string) error {
	n := 0
	for _, is := range []bool{s.DBFS != nil, s.File != nil, s.S3 != nil, s.ABFSS != nil, s.GCS != nil, s.Volumes != nil, s.Workspace != nil} {
		if is {
			n++
		}
	}
	switch {
	case n != 1:
		return invalid("Exactly one destination must be specified in %s.", name)
	case s.DBFS != nil && !strings.HasPrefix(s.DBFS.Destination, "dbfs:/"):
		return invalid("Invalid DBFS path %s; it must begin with dbfs:/.", shortened(s.DBFS.Destination))
	case s.S3 != nil && s.S3.Region == "" && s.S3.Endpoint == "":
		return invalid("Either region or endpoint must be specified for %s.", shortened(s.S3.Destination))
	}
	return nil
}

// tagKey matches the keys that Azure allows.
var tagKey = regexp.MustCompile(`^[^<>*&%;\\/+?]{1,512}$`)

func latin1(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0xff })
}

// checkTags checks the tags of a cluster or of a job. A job's clusters get the
// tags of the job.
func checkTags(tags map[string]string) error {
	if len(tags) > maxCustomTags {
		return invalid("At most %d custom tags can be specified.", maxCustomTags)
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		lower := strings.ToLower(key)
		switch {
		case !tagKey.MatchString(key) || !latin1(key):
			return invalid("Invalid tag key %q.", shortened(key))
		case strings.HasPrefix(lower, "azure") || strings.HasPrefix(lower, "microsoft") || strings.HasPrefix(lower, "windows"):
			return invalid("Tag key %q begins with a reserved word.", shortened(key))
		case utf8.RuneCountInString(tags[key]) > 256 || !latin1(tags[key]):
			return invalid("The value of tag %q must have at most 256 characters, all of them of ISO 8859-1.", shortened(key))
		}
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

func orElse[T any](p *T, isWhenNil T) *T {
	if p == nil {
		return &isWhenNil
	}
	return p
}

// withDefaults returns the spec with all the values that the service fills in
// and returns.
func (p *clusterSpec) withDefaults(creator string) *clusterSpec {
	d := *p
	d.NumWorkers = d.size().NumWorkers
	if d.NodeTypeID != "" && d.DriverNodeTypeID == "" {
		d.DriverNodeTypeID = d.NodeTypeID
	}
	if d.InstancePoolID != "" && d.DriverInstancePoolID == "" {
		d.DriverInstancePoolID = d.InstancePoolID
	}
	d.AutoterminationMinutes = orElse(d.AutoterminationMinutes, 0)
	d.EnableElasticDisk = orElse(d.EnableElasticDisk, true)
	d.EnableLocalDiskEncryption = orElse(d.EnableLocalDiskEncryption, false)
	d.ApplyPolicyDefaultValues = nil // only the spec in a response has it
	switch {
	case d.AWSAttributes != nil:
		a := *d.AWSAttributes
		a.FirstOnDemand = orElse(a.FirstOnDemand, 1)
		d.AWSAttributes = &a
	case d.GCPAttributes != nil:
		a := *d.GCPAttributes
		a.FirstOnDemand = orElse(a.FirstOnDemand, 1)
		a.UsePreemptibleExecutors = orElse(a.UsePreemptibleExecutors, false)
		d.GCPAttributes = &a
	default:
		var a azureAttributes
		if d.AzureAttributes != nil {
			a = *d.AzureAttributes
		}
		a.FirstOnDemand = orElse(a.FirstOnDemand, 1)
		if a.Availability == "" {
			a.Availability = "ON_DEMAND_AZURE"
		}
		a.SpotBidMaxPrice = orElse(a.SpotBidMaxPrice, -1)
		d.AzureAttributes = &a
	}
	switch d.DataSecurityMode {
	case "DATA_SECURITY_MODE_DEDICATED", "DATA_SECURITY_MODE_AUTO": // the service chooses what AUTO becomes
		d.DataSecurityMode = "SINGLE_USER"
	case "DATA_SECURITY_MODE_STANDARD":
		d.DataSecurityMode = "USER_ISOLATION"
	}
	if d.DataSecurityMode == "SINGLE_USER" && d.SingleUserName == "" {
		d.SingleUserName = creator
	}
	if d.Kind != "" && isTrue(d.IsSingleNode) {
		d.NumWorkers, d.Autoscale = new(0), nil
		d.SparkConf = withEntries(d.SparkConf, "spark.databricks.cluster.profile", "singleNode", "spark.master", "local[*]")
		d.CustomTags = withEntries(d.CustomTags, "ResourceClass", "SingleNode")
	}
	return &d
}

func withEntries(m map[string]string, pairs ...string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// firstSize returns the number of workers that a cluster starts with.
func (p *clusterSpec) firstSize() int {
	if p.Autoscale != nil {
		return p.Autoscale.MinWorkers
	}
	return *p.NumWorkers
}

// A clusterSize is the size of a cluster in an event.
type clusterSize struct {
	NumWorkers *int       `json:"num_workers,omitzero"`
	Autoscale  *autoscale `json:"autoscale,omitzero" api:"unused"`
}

func (p *clusterSpec) size() *clusterSize {
	if p.Autoscale != nil { // num_workers may be 0 if autoscale is set
		return &clusterSize{nil, p.Autoscale}
	}
	return &clusterSize{p.NumWorkers, nil}
}

// withoutSize returns the spec without its size, as events have it.
func (p *clusterSpec) withoutSize() *clusterSpec {
	d := *p
	d.NumWorkers, d.Autoscale = nil, nil
	return &d
}

// tree returns a spec as JSON members.
func (p *clusterSpec) tree() map[string]any {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	tree := map[string]any{}
	if err := parseObject(text, tree); err != nil {
		panic(err)
	}
	return tree
}

// unknownOf returns the members of a tree that t has no field for, or nil if
// there are none. A list keeps its length.
func unknownOf(value any, t reflect.Type) any {
	switch t.Kind() {
	case reflect.Pointer:
		return unknownOf(value, t.Elem())
	case reflect.Struct:
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		known := map[string]reflect.Type{}
		for _, f := range fieldsOf(t) {
			known[f.name] = t.FieldByIndex(f.index).Type
		}
		unknown := map[string]any{}
		for name, member := range object {
			if field, ok := known[name]; !ok {
				unknown[name] = member
			} else if inner := unknownOf(member, field); inner != nil {
				unknown[name] = inner
			}
		}
		if len(unknown) > 0 {
			return unknown
		}
	case reflect.Slice:
		elements, _ := value.([]any)
		unknown, some := make([]any, len(elements)), false
		for i, element := range elements {
			unknown[i] = unknownOf(element, t.Elem())
			some = some || unknown[i] != nil
		}
		if some {
			return unknown
		}
	}
	return nil
}

// withUnknown adds the members that unknownOf returned.
func withUnknown(value, unknown any) any {
	switch extra := unknown.(type) {
	case map[string]any:
		object, ok := value.(map[string]any)
		if !ok {
			return unknown
		}
		for name, member := range extra {
			if known, ok := object[name]; ok {
				member = withUnknown(known, member)
			}
			object[name] = member
		}
	case []any:
		elements, _ := value.([]any)
		for i := range min(len(elements), len(extra)) {
			elements[i] = withUnknown(elements[i], extra[i])
		}
	}
	return value
}
