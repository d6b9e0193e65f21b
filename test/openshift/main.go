// Command openshift reads a YAML List from stdin and decodes each item strictly, by the Go types of OpenShift and
// Kubernetes themselves: a field that those do not have, one that is there twice or a value of another type is an
// error, and so is a word where the types name the words that there are.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	buildv1 "github.com/openshift/api/build/v1"
	consolev1 "github.com/openshift/api/console/v1"
	imagev1 "github.com/openshift/api/image/v1"
	routev1 "github.com/openshift/api/route/v1"
	templatev1 "github.com/openshift/api/template/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// What a document may be; each call gives an empty one.
var kinds = map[metav1.TypeMeta]func() any{
	{APIVersion: "v1", Kind: "Service"}:                             func() any { return new(corev1.Service) },
	{APIVersion: "v1", Kind: "Secret"}:                              func() any { return new(corev1.Secret) },
	{APIVersion: "v1", Kind: "PersistentVolumeClaim"}:               func() any { return new(corev1.PersistentVolumeClaim) },
	{APIVersion: "apps/v1", Kind: "Deployment"}:                     func() any { return new(appsv1.Deployment) },
	{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}: func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
	{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}:     func() any { return new(networkingv1.NetworkPolicy) },
	{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}:          func() any { return new(policyv1.PodDisruptionBudget) },
	{APIVersion: "batch/v1", Kind: "CronJob"}:                       func() any { return new(batchv1.CronJob) },
	{APIVersion: "batch/v1", Kind: "Job"}:                           func() any { return new(batchv1.Job) },
	{APIVersion: "build.openshift.io/v1", Kind: "BuildConfig"}:      func() any { return new(buildv1.BuildConfig) },
	{APIVersion: "console.openshift.io/v1", Kind: "ConsoleYAMLSample"}: func() any {
		return new(consolev1.ConsoleYAMLSample)
	},
	{APIVersion: "image.openshift.io/v1", Kind: "ImageStream"}: func() any { return new(imagev1.ImageStream) },
	{APIVersion: "route.openshift.io/v1", Kind: "Route"}:       func() any { return new(routev1.Route) },
	{APIVersion: "template.openshift.io/v1", Kind: "Template"}: func() any { return new(templatev1.Template) },
}

// What a parameter's name is made of; ${NAME} with others is none.
var word = regexp.MustCompile(`^\w+$`)

func main() {
	text, err := io.ReadAll(os.Stdin)
	stop("the list", err)
	var list struct {
		metav1.TypeMeta `json:",inline"`
		Items           []json.RawMessage `json:"items"`
	}
	stop("the list", yaml.UnmarshalStrict(text, &list))
	for _, item := range list.Items {
		var told struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
		}
		stop("an item", json.Unmarshal(item, &told))
		name := fmt.Sprintf("%s %s", told.Kind, told.Metadata.Name)
		empty, known := kinds[told.TypeMeta]
		if !known {
			stop(name, fmt.Errorf("there is no %s of %s", told.Kind, told.APIVersion))
		}
		object := empty()
		stop(name, yaml.UnmarshalStrict(item, object, yaml.DisallowUnknownFields))
		stop(name, words(object))
		fmt.Println(name)
	}
}

// words returns an error for a word that is none of those that the types name.
func words(object any) error {
	switch told := object.(type) {
	case *buildv1.BuildConfig:
		return build(told.Spec)
	case *imagev1.ImageStream:
		for _, tag := range told.Spec.Tags {
			policy := tag.ReferencePolicy.Type
			if err := one(policy, imagev1.SourceTagReferencePolicy, imagev1.LocalTagReferencePolicy); err != nil {
				return err
			}
		}
	case *routev1.Route:
		return route(told.Spec)
	case *templatev1.Template:
		return parameters(told.Parameters)
	}
	return nil
}

func route(spec routev1.RouteSpec) error {
	ways := []routev1.TLSTerminationType{
		routev1.TLSTerminationEdge, routev1.TLSTerminationPassthrough, routev1.TLSTerminationReencrypt,
	}
	if err := one(spec.TLS.Termination, ways...); err != nil {
		return err
	}
	// The limits are those of the type's comment: three alternatives, and weights from 0 to 256.
	if len(spec.AlternateBackends) > 3 {
		return fmt.Errorf("%d alternate backends, and a route has three at most", len(spec.AlternateBackends))
	}
	for _, backend := range append([]routev1.RouteTargetReference{spec.To}, spec.AlternateBackends...) {
		if backend.Kind != "Service" {
			return fmt.Errorf("%q is no backend of a route", backend.Kind)
		}
		if backend.Weight != nil && (*backend.Weight < 0 || *backend.Weight > 256) {
			return fmt.Errorf("weight %d of %s is not from 0 to 256", *backend.Weight, backend.Name)
		}
	}
	return nil
}

func parameters(told []templatev1.Parameter) error {
	seen := map[string]bool{}
	for _, parameter := range told {
		if !word.MatchString(parameter.Name) {
			return fmt.Errorf("%q is no name of a parameter", parameter.Name)
		}
		if seen[parameter.Name] {
			return fmt.Errorf("parameter %s is there twice", parameter.Name)
		}
		seen[parameter.Name] = true
	}
	return nil
}

func build(spec buildv1.BuildConfigSpec) error {
	parts := map[buildv1.BuildStrategyType]bool{
		buildv1.DockerBuildStrategyType: spec.Strategy.DockerStrategy != nil,
		buildv1.SourceBuildStrategyType: spec.Strategy.SourceStrategy != nil,
	}
	if !parts[spec.Strategy.Type] {
		return fmt.Errorf("strategy %q has no part of its own", spec.Strategy.Type)
	}
	for _, trigger := range spec.Triggers {
		if err := starts(trigger); err != nil {
			return err
		}
	}
	return one(spec.Source.Type, buildv1.BuildSourceGit, buildv1.BuildSourceDockerfile, buildv1.BuildSourceImage)
}

// starts returns an error for a trigger of a kind that there is not, or without the part of its kind.
func starts(trigger buildv1.BuildTriggerPolicy) error {
	hooks := map[buildv1.BuildTriggerType]*buildv1.WebHookTrigger{
		buildv1.GenericWebHookBuildTriggerType: trigger.GenericWebHook,
		buildv1.GitHubWebHookBuildTriggerType:  trigger.GitHubWebHook,
		buildv1.GitLabWebHookBuildTriggerType:  trigger.GitLabWebHook,
	}
	if hook, known := hooks[trigger.Type]; known {
		if hook == nil || hook.SecretReference == nil || hook.SecretReference.Name == "" {
			return fmt.Errorf("trigger %q names no secret", trigger.Type)
		}
		if hook.Secret != "" {
			return fmt.Errorf("trigger %q has its secret where everybody reads it", trigger.Type)
		}
		return nil
	}
	return one(trigger.Type, buildv1.ConfigChangeBuildTriggerType, buildv1.ImageChangeBuildTriggerType)
}

func one[Word ~string](word Word, known ...Word) error {
	if !slices.Contains(known, word) {
		return fmt.Errorf("%q is none of %q", word, known)
	}
	return nil
}

func stop(where string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", where, err)
		os.Exit(1)
	}
}
