# Databricks notebook source
print("first")
