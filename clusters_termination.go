package databricks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A TerminationReason says why a cluster was terminated.
type TerminationReason struct {
	Code       TerminationCode                 `json:"code"`
	Type       TerminationType                 `json:"type"`       // may be empty
	Parameters map[TerminationParameter]string `json:"parameters"` // details; may be nil
}

// A TerminationType is the class of a termination reason. The service may add
// types, so a switch over it needs a default.
type TerminationType string

// Types of terminations.
const (
	TerminationSuccess      TerminationType = "SUCCESS"       // the cluster terminated normally
	TerminationClientError  TerminationType = "CLIENT_ERROR"  // caused by the user or the configuration; a retry fails until that is fixed
	TerminationServiceFault TerminationType = "SERVICE_FAULT" // caused by Databricks; a retry may succeed
	TerminationCloudFailure TerminationType = "CLOUD_FAILURE" // caused by the cloud provider; a retry may succeed later
)

// A TerminationParameter is the name of a parameter of a termination reason.
// The service sends others too. All values are text, including numbers.
type TerminationParameter string

// Parameters of terminations.
const (
	TerminationUsername                 TerminationParameter = "username" // the user who terminated the cluster
	TerminationDatabricksErrorMessage   TerminationParameter = "databricks_error_message"
	TerminationInactivityDurationMin    TerminationParameter = "inactivity_duration_min" // minutes without activity
	TerminationInstanceID               TerminationParameter = "instance_id"             // instance of the driver
	TerminationInstancePoolID           TerminationParameter = "instance_pool_id"
	TerminationInstancePoolErrorCode    TerminationParameter = "instance_pool_error_code" // a PoolTerminationCode
	TerminationInvalidSparkImagePrefix  TerminationParameter = "invalid_spark_image_prefix"
	TerminationAzureErrorCode           TerminationParameter = "azure_error_code"
	TerminationAzureErrorMessage        TerminationParameter = "azure_error_message"
	TerminationAWSAPIErrorCode          TerminationParameter = "aws_api_error_code"
	TerminationAWSErrorMessage          TerminationParameter = "aws_error_message"
	TerminationAWSInstanceStateReason   TerminationParameter = "aws_instance_state_reason" // why the instance of the driver stopped
	TerminationAWSInstanceStatusEvent   TerminationParameter = "aws_instance_status_event" // event that AWS scheduled for the instance of the driver
	TerminationAWSImpairedStatusDetails TerminationParameter = "aws_impaired_status_details"
	TerminationAWSSpotRequestStatus     TerminationParameter = "aws_spot_request_status"
	TerminationAWSSpotRequestFaultCode  TerminationParameter = "aws_spot_request_fault_code"
	TerminationGCPErrorCode             TerminationParameter = "gcp_error_code"
	TerminationGCPErrorMessage          TerminationParameter = "gcp_error_message"
)

// A PoolTerminationCode says why an instance pool could not provide an
// instance.
type PoolTerminationCode string

// Failures of instance pools.
const (
	PoolMaxCapacityFailure PoolTerminationCode = "INSTANCE_POOL_MAX_CAPACITY_FAILURE" // the pool has reached its maximum capacity
	PoolNotFoundFailure    PoolTerminationCode = "INSTANCE_POOL_NOT_FOUND_FAILURE"
)

// A ClusterError says that a cluster did not reach the state that a call waited
// for, and will not reach it. The fields of the [TerminationReason] are zero if
// there is no reason.
type ClusterError struct {
	Cluster *Cluster // the cluster when it was last polled; StateMessage has details
	TerminationReason
}

func newClusterError(c *Cluster) *ClusterError {
	e := &ClusterError{Cluster: c}
	if c.TerminationReason != nil {
		e.TerminationReason = *c.TerminationReason
	}
	return e
}

// Error states the cluster, its state and the reason in one line.
func (e *ClusterError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "databricks: cluster %s", e.Cluster.ClusterID)
	if name := e.Cluster.ClusterName; name != "" {
		fmt.Fprintf(&b, " (%s)", oneLine(name, 100))
	}
	fmt.Fprintf(&b, " is %s", e.Cluster.describe())
	var why []string
	if e.Code != "" {
		why = append(why, string(e.Code))
	}
	if e.Type != "" {
		why = append(why, string(e.Type))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Parameters)) {
		why = append(why, string(name)+": "+oneLine(e.Parameters[name], 500))
	}
	if len(why) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(why, ", "))
	}
	return oneLine(b.String(), maxLine)
}

// A TerminationCode says why a cluster was terminated. The service adds codes
// from time to time, so a switch over it needs a default.
type TerminationCode string

// Codes of terminations.
const (
	// Terminations that are not failures.
	TerminationUserRequest                     TerminationCode = "USER_REQUEST"                       // Delete was called; TerminationUsername names the user
	TerminationJobFinished                     TerminationCode = "JOB_FINISHED"                       // the cluster was created for a run, and the run has ended
	TerminationInactivity                      TerminationCode = "INACTIVITY"                         // idle for ClusterSpec.AutoterminationMinutes
	TerminationServerlessLongRunningTerminated TerminationCode = "SERVERLESS_LONG_RUNNING_TERMINATED" // it ran for longer than allowed
	TerminationDataAccessConfigChanged         TerminationCode = "DATA_ACCESS_CONFIG_CHANGED"         // the data access configuration of the workspace changed
	TerminationDisasterRecoveryReplication     TerminationCode = "DISASTER_RECOVERY_REPLICATION"      // the workspace failed over to its replica
	TerminationGKEBasedClusterTermination      TerminationCode = "GKE_BASED_CLUSTER_TERMINATION"      // GCP no longer supports this kind of cluster
	TerminationMaintenanceMode                 TerminationCode = "MAINTENANCE_MODE"
	TerminationSkippedSlowNodes                TerminationCode = "SKIPPED_SLOW_NODES"            // the cluster started without some slow nodes
	TerminationSpotInstanceTermination         TerminationCode = "SPOT_INSTANCE_TERMINATION"     // the cloud provider reclaimed a spot instance
	TerminationUserInitiatedVMTermination      TerminationCode = "USER_INITIATED_VM_TERMINATION" // a user deleted an instance through the cloud provider
	TerminationWorkspaceUpdate                 TerminationCode = "WORKSPACE_UPDATE"              // the network or the keys of the workspace changed

	// The request or a resource in it is invalid.
	TerminationInvalidArgument                       TerminationCode = "INVALID_ARGUMENT"             // for example, a runtime that does not exist
	TerminationEOSSparkImage                         TerminationCode = "EOS_SPARK_IMAGE"              // the runtime is no longer supported
	TerminationDBRImageResolutionFailure             TerminationCode = "DBR_IMAGE_RESOLUTION_FAILURE" // no matching runtime was found
	TerminationSparkImageNotFound                    TerminationCode = "SPARK_IMAGE_NOT_FOUND"
	TerminationInvalidSparkImage                     TerminationCode = "INVALID_SPARK_IMAGE"
	TerminationInvalidWorkerImageFailure             TerminationCode = "INVALID_WORKER_IMAGE_FAILURE" // an instance of a pool had no runtime
	TerminationUnsupportedInstanceType               TerminationCode = "UNSUPPORTED_INSTANCE_TYPE"
	TerminationDynamicSparkConfSizeExceeded          TerminationCode = "DYNAMIC_SPARK_CONF_SIZE_EXCEEDED" // the Spark properties that the service adds are too large
	TerminationAttachProjectFailure                  TerminationCode = "ATTACH_PROJECT_FAILURE"
	TerminationUsagePolicyEntitlementDenied          TerminationCode = "USAGE_POLICY_ENTITLEMENT_DENIED"
	TerminationBudgetPolicyLimitEnforcementActivated TerminationCode = "BUDGET_POLICY_LIMIT_ENFORCEMENT_ACTIVATED" // the budget is exhausted
	TerminationBudgetPolicyResolutionFailure         TerminationCode = "BUDGET_POLICY_RESOLUTION_FAILURE"
	TerminationSecretCreationFailure                 TerminationCode = "SECRET_CREATION_FAILURE"
	TerminationSecretPermissionDenied                TerminationCode = "SECRET_PERMISSION_DENIED" // for a secret in the configuration
	TerminationSecretResolutionError                 TerminationCode = "SECRET_RESOLUTION_ERROR"  // for a secret in the configuration

	// Init scripts, container images and file systems.
	TerminationInitScriptFailure                       TerminationCode = "INIT_SCRIPT_FAILURE"         // a script of ClusterSpec.InitScripts does not exist or failed
	TerminationGlobalInitScriptFailure                 TerminationCode = "GLOBAL_INIT_SCRIPT_FAILURE"  // a global init script of the workspace does not exist or failed
	TerminationAccessTokenFailure                      TerminationCode = "ACCESS_TOKEN_FAILURE"        // while fetching init scripts
	TerminationInitContainerNotFinished                TerminationCode = "INIT_CONTAINER_NOT_FINISHED" // a kind of SPARK_STARTUP_FAILURE
	TerminationContainerLaunchFailure                  TerminationCode = "CONTAINER_LAUNCH_FAILURE"
	TerminationDockerImagePullFailure                  TerminationCode = "DOCKER_IMAGE_PULL_FAILURE"
	TerminationDockerImageTooLargeForInstanceException TerminationCode = "DOCKER_IMAGE_TOO_LARGE_FOR_INSTANCE_EXCEPTION"
	TerminationDockerContainerCreationException        TerminationCode = "DOCKER_CONTAINER_CREATION_EXCEPTION"
	TerminationDockerInvalidOSException                TerminationCode = "DOCKER_INVALID_OS_EXCEPTION"
	TerminationImagePullPermissionDenied               TerminationCode = "IMAGE_PULL_PERMISSION_DENIED" // for the runtime's image
	TerminationNFSMountFailure                         TerminationCode = "NFS_MOUNT_FAILURE"

	// Spark, its driver, and the components that they depend on.
	TerminationSparkStartupFailure              TerminationCode = "SPARK_STARTUP_FAILURE"
	TerminationSparkError                       TerminationCode = "SPARK_ERROR" // the driver did not start, often because of a library or an init script
	TerminationDriverUnreachable                TerminationCode = "DRIVER_UNREACHABLE"
	TerminationDriverUnresponsive               TerminationCode = "DRIVER_UNRESPONSIVE"
	TerminationDriverUnhealthy                  TerminationCode = "DRIVER_UNHEALTHY" // unreachable or unresponsive for a long time
	TerminationDriverNodeUnreachable            TerminationCode = "DRIVER_NODE_UNREACHABLE"
	TerminationDriverEviction                   TerminationCode = "DRIVER_EVICTION"
	TerminationDriverLaunchTimeout              TerminationCode = "DRIVER_LAUNCH_TIMEOUT"
	TerminationDriverOutOfDisk                  TerminationCode = "DRIVER_OUT_OF_DISK"
	TerminationDriverOutOfMemory                TerminationCode = "DRIVER_OUT_OF_MEMORY"
	TerminationDriverPodCreationFailure         TerminationCode = "DRIVER_POD_CREATION_FAILURE"
	TerminationDriverUnexpectedFailure          TerminationCode = "DRIVER_UNEXPECTED_FAILURE"
	TerminationUnexpectedPodRecreation          TerminationCode = "UNEXPECTED_POD_RECREATION" // for the driver's pod
	TerminationExecutionComponentUnhealthy      TerminationCode = "EXECUTION_COMPONENT_UNHEALTHY"
	TerminationExecutorPodUnscheduled           TerminationCode = "EXECUTOR_POD_UNSCHEDULED"
	TerminationMetastoreComponentUnhealthy      TerminationCode = "METASTORE_COMPONENT_UNHEALTHY"
	TerminationHiveMetastoreConnectivityFailure TerminationCode = "HIVEMETASTORE_CONNECTIVITY_FAILURE"
	TerminationHiveMetastoreProvisioningFailure TerminationCode = "HIVE_METASTORE_PROVISIONING_FAILURE"
	TerminationDBFSComponentUnhealthy           TerminationCode = "DBFS_COMPONENT_UNHEALTHY"

	// The cloud provider cannot supply instances, or took them away.
	TerminationCloudProviderLaunchFailure                  TerminationCode = "CLOUD_PROVIDER_LAUNCH_FAILURE" // the parameters have the cloud provider's message
	TerminationCloudProviderLaunchFailureDueToMisconfig    TerminationCode = "CLOUD_PROVIDER_LAUNCH_FAILURE_DUE_TO_MISCONFIG"
	TerminationCloudProviderShutdown                       TerminationCode = "CLOUD_PROVIDER_SHUTDOWN" // the cloud provider shut down the instance of the driver
	TerminationCloudProviderDiskSetupFailure               TerminationCode = "CLOUD_PROVIDER_DISK_SETUP_FAILURE"
	TerminationCloudProviderInstanceNotLaunched            TerminationCode = "CLOUD_PROVIDER_INSTANCE_NOT_LAUNCHED"              // although the cloud provider accepted the request
	TerminationCloudProviderResourceStockout               TerminationCode = "CLOUD_PROVIDER_RESOURCE_STOCKOUT"                  // temporary
	TerminationCloudProviderResourceStockoutDueToMisconfig TerminationCode = "CLOUD_PROVIDER_RESOURCE_STOCKOUT_DUE_TO_MISCONFIG" // the cloud provider never offers the requested resource there
	TerminationCloudAccountSetupFailure                    TerminationCode = "CLOUD_ACCOUNT_SETUP_FAILURE"
	TerminationCloudAccountPodQuotaExceeded                TerminationCode = "CLOUD_ACCOUNT_POD_QUOTA_EXCEEDED"
	TerminationCloudOperationCancelled                     TerminationCode = "CLOUD_OPERATION_CANCELLED"
	TerminationCommunicationLost                           TerminationCode = "COMMUNICATION_LOST" // the connection to the instance of the driver was lost
	TerminationInstanceUnreachable                         TerminationCode = "INSTANCE_UNREACHABLE"
	TerminationInstanceUnreachableDueToMisconfig           TerminationCode = "INSTANCE_UNREACHABLE_DUE_TO_MISCONFIG"
	TerminationUnexpectedLaunchFailure                     TerminationCode = "UNEXPECTED_LAUNCH_FAILURE"
	TerminationUpdateInstanceProfileFailure                TerminationCode = "UPDATE_INSTANCE_PROFILE_FAILURE"

	// Instance pools.
	TerminationInstancePoolClusterFailure       TerminationCode = "INSTANCE_POOL_CLUSTER_FAILURE" // TerminationInstancePoolErrorCode has the cause
	TerminationInstancePoolMaxCapacityReached   TerminationCode = "INSTANCE_POOL_MAX_CAPACITY_REACHED"
	TerminationInstancePoolNotFound             TerminationCode = "INSTANCE_POOL_NOT_FOUND"
	TerminationInvalidInstancePlacementProtocol TerminationCode = "INVALID_INSTANCE_PLACEMENT_PROTOCOL" // the protocol changed; try again

	// Azure.
	TerminationAzureResourceProviderThrottling          TerminationCode = "AZURE_RESOURCE_PROVIDER_THROTTLING" // too many requests; try again
	TerminationAzureResourceManagerThrottling           TerminationCode = "AZURE_RESOURCE_MANAGER_THROTTLING"  // too many requests from the subscription in this hour
	TerminationAzureQuotaExceededException              TerminationCode = "AZURE_QUOTA_EXCEEDED_EXCEPTION"
	TerminationAzureOperationNotAllowedException        TerminationCode = "AZURE_OPERATION_NOT_ALLOWED_EXCEPTION"
	TerminationAzureInvalidDeploymentTemplate           TerminationCode = "AZURE_INVALID_DEPLOYMENT_TEMPLATE"
	TerminationAzureUnexpectedDeploymentTemplateFailure TerminationCode = "AZURE_UNEXPECTED_DEPLOYMENT_TEMPLATE_FAILURE"
	TerminationAzurePackedDeploymentPartialFailure      TerminationCode = "AZURE_PACKED_DEPLOYMENT_PARTIAL_FAILURE"
	TerminationAzureBYOKKeyPermissionFailure            TerminationCode = "AZURE_BYOK_KEY_PERMISSION_FAILURE" // for the key of managed disks
	TerminationAzureEphemeralDiskFailure                TerminationCode = "AZURE_EPHEMERAL_DISK_FAILURE"      // the node type does not support ephemeral OS disks
	TerminationAzureVMExtensionFailure                  TerminationCode = "AZURE_VM_EXTENSION_FAILURE"
	TerminationAzureVNetConfigurationFailure            TerminationCode = "AZURE_VNET_CONFIGURATION_FAILURE"

	// AWS.
	TerminationAWSAuthorizationFailure                     TerminationCode = "AWS_AUTHORIZATION_FAILURE"
	TerminationAWSInsufficientInstanceCapacityFailure      TerminationCode = "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE"
	TerminationAWSInsufficientFreeAddressesInSubnetFailure TerminationCode = "AWS_INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET_FAILURE"
	TerminationAWSMaxSpotInstanceCountExceededFailure      TerminationCode = "AWS_MAX_SPOT_INSTANCE_COUNT_EXCEEDED_FAILURE"
	TerminationAWSRequestLimitExceeded                     TerminationCode = "AWS_REQUEST_LIMIT_EXCEEDED"
	TerminationAWSResourceQuotaExceeded                    TerminationCode = "AWS_RESOURCE_QUOTA_EXCEEDED"
	TerminationAWSInaccessibleKMSKeyFailure                TerminationCode = "AWS_INACCESSIBLE_KMS_KEY_FAILURE"
	TerminationAWSInvalidKMSKeyState                       TerminationCode = "AWS_INVALID_KMS_KEY_STATE"
	TerminationAWSInvalidKeyPair                           TerminationCode = "AWS_INVALID_KEY_PAIR"
	TerminationAWSInstanceProfileUpdateFailure             TerminationCode = "AWS_INSTANCE_PROFILE_UPDATE_FAILURE"
	TerminationAWSUnsupportedFailure                       TerminationCode = "AWS_UNSUPPORTED_FAILURE"
	TerminationInvalidAWSParameter                         TerminationCode = "INVALID_AWS_PARAMETER"
	TerminationSTSClientSetupFailure                       TerminationCode = "STS_CLIENT_SETUP_FAILURE"

	// GCP.
	TerminationGCPQuotaExceeded                TerminationCode = "GCP_QUOTA_EXCEEDED"
	TerminationGCPResourceQuotaExceeded        TerminationCode = "GCP_RESOURCE_QUOTA_EXCEEDED"
	TerminationGCPAPIRateQuotaExceeded         TerminationCode = "GCP_API_RATE_QUOTA_EXCEEDED"
	TerminationGCPInsufficientCapacity         TerminationCode = "GCP_INSUFFICIENT_CAPACITY"
	TerminationGCPIPSpaceExhausted             TerminationCode = "GCP_IP_SPACE_EXHAUSTED"
	TerminationGCPSubnetNotReady               TerminationCode = "GCP_SUBNET_NOT_READY"
	TerminationGCPForbidden                    TerminationCode = "GCP_FORBIDDEN"
	TerminationGCPNotFound                     TerminationCode = "GCP_NOT_FOUND"
	TerminationGCPIAMTimeout                   TerminationCode = "GCP_IAM_TIMEOUT"
	TerminationGCPDeniedByOrgPolicy            TerminationCode = "GCP_DENIED_BY_ORG_POLICY"
	TerminationGCPTrustedImageProjectsViolated TerminationCode = "GCP_TRUSTED_IMAGE_PROJECTS_VIOLATED" // the policy of the organization rejected the image project
	TerminationGCPServiceAccountAccessDenied   TerminationCode = "GCP_SERVICE_ACCOUNT_ACCESS_DENIED"
	TerminationGCPServiceAccountDeleted        TerminationCode = "GCP_SERVICE_ACCOUNT_DELETED"
	TerminationGCPServiceAccountNotFound       TerminationCode = "GCP_SERVICE_ACCOUNT_NOT_FOUND"
	TerminationGCPKMSKeyPermissionDenied       TerminationCode = "GCP_KMS_KEY_PERMISSION_DENIED"
	TerminationGCPInaccessibleKMSKeyFailure    TerminationCode = "GCP_INACCESSIBLE_KMS_KEY_FAILURE"

	// Network and storage. A code that ends in Misconfig means that the
	// workspace's own network is the cause.
	TerminationNetworkConfigurationFailure                         TerminationCode = "NETWORK_CONFIGURATION_FAILURE"
	TerminationDNSResolutionError                                  TerminationCode = "DNS_RESOLUTION_ERROR"
	TerminationIPExhaustionFailure                                 TerminationCode = "IP_EXHAUSTION_FAILURE"
	TerminationSubnetExhaustedFailure                              TerminationCode = "SUBNET_EXHAUSTED_FAILURE"
	TerminationControlPlaneConnectionFailure                       TerminationCode = "CONTROL_PLANE_CONNECTION_FAILURE"
	TerminationControlPlaneConnectionFailureDueToMisconfig         TerminationCode = "CONTROL_PLANE_CONNECTION_FAILURE_DUE_TO_MISCONFIG"
	TerminationControlPlaneRequestFailure                          TerminationCode = "CONTROL_PLANE_REQUEST_FAILURE" // nodes could not get their instructions
	TerminationControlPlaneRequestFailureDueToMisconfig            TerminationCode = "CONTROL_PLANE_REQUEST_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetworkCheckControlPlaneFailure                     TerminationCode = "NETWORK_CHECK_CONTROL_PLANE_FAILURE"
	TerminationNetworkCheckControlPlaneFailureDueToMisconfig       TerminationCode = "NETWORK_CHECK_CONTROL_PLANE_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetworkCheckDNSServerFailure                        TerminationCode = "NETWORK_CHECK_DNS_SERVER_FAILURE"
	TerminationNetworkCheckDNSServerFailureDueToMisconfig          TerminationCode = "NETWORK_CHECK_DNS_SERVER_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetworkCheckMetadataEndpointFailure                 TerminationCode = "NETWORK_CHECK_METADATA_ENDPOINT_FAILURE"
	TerminationNetworkCheckMetadataEndpointFailureDueToMisconfig   TerminationCode = "NETWORK_CHECK_METADATA_ENDPOINT_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetworkCheckMultipleComponentsFailure               TerminationCode = "NETWORK_CHECK_MULTIPLE_COMPONENTS_FAILURE"
	TerminationNetworkCheckMultipleComponentsFailureDueToMisconfig TerminationCode = "NETWORK_CHECK_MULTIPLE_COMPONENTS_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetworkCheckNICFailure                              TerminationCode = "NETWORK_CHECK_NIC_FAILURE"
	TerminationNetworkCheckNICFailureDueToMisconfig                TerminationCode = "NETWORK_CHECK_NIC_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetworkCheckStorageFailure                          TerminationCode = "NETWORK_CHECK_STORAGE_FAILURE"
	TerminationNetworkCheckStorageFailureDueToMisconfig            TerminationCode = "NETWORK_CHECK_STORAGE_FAILURE_DUE_TO_MISCONFIG"
	TerminationNetvisorSetupTimeout                                TerminationCode = "NETVISOR_SETUP_TIMEOUT"    // the network was not ready in time
	TerminationNPIPTunnelSetupFailure                              TerminationCode = "NPIP_TUNNEL_SETUP_FAILURE" // for nodes without public IP addresses
	TerminationNPIPTunnelTokenFailure                              TerminationCode = "NPIP_TUNNEL_TOKEN_FAILURE"
	TerminationMTLSPortConnectivityFailure                         TerminationCode = "MTLS_PORT_CONNECTIVITY_FAILURE"
	TerminationStorageDownloadFailure                              TerminationCode = "STORAGE_DOWNLOAD_FAILURE"
	TerminationStorageDownloadFailureDueToMisconfig                TerminationCode = "STORAGE_DOWNLOAD_FAILURE_DUE_TO_MISCONFIG"
	TerminationStorageDownloadFailureSlow                          TerminationCode = "STORAGE_DOWNLOAD_FAILURE_SLOW"
	TerminationStorageDownloadFailureThrottled                     TerminationCode = "STORAGE_DOWNLOAD_FAILURE_THROTTLED"
	TerminationSparkImageDownloadFailure                           TerminationCode = "SPARK_IMAGE_DOWNLOAD_FAILURE"
	TerminationSparkImageDownloadThrottled                         TerminationCode = "SPARK_IMAGE_DOWNLOAD_THROTTLED"
	TerminationSlowImageDownload                                   TerminationCode = "SLOW_IMAGE_DOWNLOAD"

	// Nodes that fail to start.
	TerminationBootstrapTimeout                       TerminationCode = "BOOTSTRAP_TIMEOUT"
	TerminationBootstrapTimeoutDueToMisconfig         TerminationCode = "BOOTSTRAP_TIMEOUT_DUE_TO_MISCONFIG"
	TerminationBootstrapTimeoutCloudProviderException TerminationCode = "BOOTSTRAP_TIMEOUT_CLOUD_PROVIDER_EXCEPTION"
	TerminationSelfBootstrapFailure                   TerminationCode = "SELF_BOOTSTRAP_FAILURE"
	TerminationSSHBootstrapFailure                    TerminationCode = "SSH_BOOTSTRAP_FAILURE"
	TerminationSecurityDaemonRegistrationException    TerminationCode = "SECURITY_DAEMON_REGISTRATION_EXCEPTION"
	TerminationWorkerSetupFailure                     TerminationCode = "WORKER_SETUP_FAILURE" // the setup of a disk or a GPU failed
	TerminationPodAssignmentFailure                   TerminationCode = "POD_ASSIGNMENT_FAILURE"
	TerminationPodSchedulingFailure                   TerminationCode = "POD_SCHEDULING_FAILURE"
	TerminationK8sActivePodQuotaExceeded              TerminationCode = "K8S_ACTIVE_POD_QUOTA_EXCEEDED"
	TerminationK8sAutoscalingFailure                  TerminationCode = "K8S_AUTOSCALING_FAILURE"
	TerminationK8sDBRClusterLaunchTimeout             TerminationCode = "K8S_DBR_CLUSTER_LAUNCH_TIMEOUT"

	// Serverless compute that could not be allocated in time.
	TerminationAllocationTimeout                             TerminationCode = "ALLOCATION_TIMEOUT"
	TerminationAllocationTimeoutNodeDaemonNotReady           TerminationCode = "ALLOCATION_TIMEOUT_NODE_DAEMON_NOT_READY"
	TerminationAllocationTimeoutNoHealthyAndWarmedUpClusters TerminationCode = "ALLOCATION_TIMEOUT_NO_HEALTHY_AND_WARMED_UP_CLUSTERS"
	TerminationAllocationTimeoutNoHealthyClusters            TerminationCode = "ALLOCATION_TIMEOUT_NO_HEALTHY_CLUSTERS"
	TerminationAllocationTimeoutNoMatchedClusters            TerminationCode = "ALLOCATION_TIMEOUT_NO_MATCHED_CLUSTERS"
	TerminationAllocationTimeoutNoReadyClusters              TerminationCode = "ALLOCATION_TIMEOUT_NO_READY_CLUSTERS"
	TerminationAllocationTimeoutNoUnallocatedClusters        TerminationCode = "ALLOCATION_TIMEOUT_NO_UNALLOCATED_CLUSTERS"
	TerminationAllocationTimeoutNoWarmedUpClusters           TerminationCode = "ALLOCATION_TIMEOUT_NO_WARMED_UP_CLUSTERS"
	TerminationLazyAllocationTimeout                         TerminationCode = "LAZY_ALLOCATION_TIMEOUT"
	TerminationNoMatchedK8s                                  TerminationCode = "NO_MATCHED_K8S"
	TerminationNoMatchedK8sTestingTag                        TerminationCode = "NO_MATCHED_K8S_TESTING_TAG"
	TerminationNephosResourceManagement                      TerminationCode = "NEPHOS_RESOURCE_MANAGEMENT"

	// The service, the workspace and the account.
	TerminationInternalError               TerminationCode = "INTERNAL_ERROR"
	TerminationInternalCapacityFailure     TerminationCode = "INTERNAL_CAPACITY_FAILURE"
	TerminationDatabaseConnectionFailure   TerminationCode = "DATABASE_CONNECTION_FAILURE"
	TerminationTemporarilyUnavailable      TerminationCode = "TEMPORARILY_UNAVAILABLE"     // try again
	TerminationRequestRejected             TerminationCode = "REQUEST_REJECTED"            // temporary; try again
	TerminationRequestThrottled            TerminationCode = "REQUEST_THROTTLED"           // temporary; try again
	TerminationRateLimited                 TerminationCode = "RATE_LIMITED"                // temporary; try again
	TerminationClusterOperationThrottled   TerminationCode = "CLUSTER_OPERATION_THROTTLED" // temporary; try again
	TerminationClusterOperationTimeout     TerminationCode = "CLUSTER_OPERATION_TIMEOUT"
	TerminationInPenaltyBox                TerminationCode = "IN_PENALTY_BOX" // the same request failed too often
	TerminationResourceUsageBlocked        TerminationCode = "RESOURCE_USAGE_BLOCKED"
	TerminationTrialExpired                TerminationCode = "TRIAL_EXPIRED"
	TerminationAbuseDetected               TerminationCode = "ABUSE_DETECTED"
	TerminationWorkspaceCancelledError     TerminationCode = "WORKSPACE_CANCELLED_ERROR"
	TerminationWorkspaceConfigurationError TerminationCode = "WORKSPACE_CONFIGURATION_ERROR"
	TerminationUnknown                     TerminationCode = "UNKNOWN"
)
